// Work on the pool of threads that becomes a promise.
#pragma once
#include <napi.h>

#include <string>
#include <utility>

#include "errors.h"

class Work : public Napi::AsyncWorker {
 public:
  Work(Napi::Env env, std::string operation)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), operation_(std::move(operation)) {}

  // Queues `work`, which deletes itself afterwards.
  static Napi::Value start(Work *work) {
    Napi::Promise promise = work->deferred_.Promise();
    work->Queue();
    return promise;
  }

  void OnOK() override {
    if (error_ == 0)
      deferred_.Resolve(result());
    else
      deferred_.Reject(system_error(Env(), operation_.c_str(), on_, error_).Value());
  }

 protected:
  virtual Napi::Value result() = 0;

  bool fail(const std::string &on) {
    error_ = errno;
    on_ = on;
    return false;
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::string operation_, on_;
  int error_ = 0;
};
