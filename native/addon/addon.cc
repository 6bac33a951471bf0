// The addon's table of functions; the contract is native/index.d.ts.
#include <napi.h>

Napi::Value peer_credentials(const Napi::CallbackInfo &info);
Napi::Value sealed_memory(const Napi::CallbackInfo &info);
Napi::Value spawn_watcher(const Napi::CallbackInfo &info);
Napi::Value send_plan(const Napi::CallbackInfo &info);
Napi::Value lock_directory(const Napi::CallbackInfo &info);
Napi::Value reap(const Napi::CallbackInfo &info);
Napi::Value remove_tree(const Napi::CallbackInfo &info);
Napi::Value notify(const Napi::CallbackInfo &info);
Napi::Value release_text(const Napi::CallbackInfo &info);
Napi::Value compile_seccomp(const Napi::CallbackInfo &info);

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("peerCredentials", Napi::Function::New(env, peer_credentials));
  exports.Set("sealedMemory", Napi::Function::New(env, sealed_memory));
  exports.Set("spawnWatcher", Napi::Function::New(env, spawn_watcher));
  exports.Set("lockDirectory", Napi::Function::New(env, lock_directory));
  exports.Set("reap", Napi::Function::New(env, reap));
  exports.Set("compileSeccomp", Napi::Function::New(env, compile_seccomp));
  exports.Set("releaseText", Napi::Function::New(env, release_text));
  exports.Set("removeTree", Napi::Function::New(env, remove_tree));
  exports.Set("sendPlan", Napi::Function::New(env, send_plan));
  exports.Set("notify", Napi::Function::New(env, notify));
  return exports;
}

NODE_API_MODULE(bulkhead, initialise)
