// A failed system call as a JavaScript error: what, on what, errno.
#pragma once
#include <errno.h>
#include <napi.h>
#include <string.h>

#include <string>

inline Napi::Error system_error(Napi::Env env, const char *operation, const std::string &on, int number) {
  const char *name = strerrorname_np(number);
  Napi::Error error =
      Napi::Error::New(env, std::string(operation) + (on.empty() ? "" : " " + on) + ": " + strerror(number));
  error.Set("code", Napi::String::New(env, name == nullptr ? "UNKNOWN" : name));
  error.Set("errno", Napi::Number::New(env, number));
  error.Set("syscall", Napi::String::New(env, operation));
  return error;
}
