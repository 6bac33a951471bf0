// An array of strings from JavaScript.
#pragma once
#include <napi.h>

#include <string>
#include <vector>

inline std::vector<std::string> strings(const Napi::Value &value) {
  Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> all;
  for (uint32_t i = 0; i < array.Length(); i++) all.push_back(array.Get(i).As<Napi::String>());
  return all;
}
