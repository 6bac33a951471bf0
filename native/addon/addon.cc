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
Napi::Value open_layers(const Napi::CallbackInfo &info);
Napi::Value open_writable(const Napi::CallbackInfo &info);
Napi::Value open_container_root(const Napi::CallbackInfo &info);
Napi::Value list_directory(const Napi::CallbackInfo &info);
Napi::Value stat_path(const Napi::CallbackInfo &info);
Napi::Value open_file(const Napi::CallbackInfo &info);
Napi::Value scan_layer(const Napi::CallbackInfo &info);
Napi::Value set_project_quota(const Napi::CallbackInfo &info);
Napi::Value peer_file(const Napi::CallbackInfo &info);
Napi::Value ensure_bridge(const Napi::CallbackInfo &info);
Napi::Value remove_link(const Napi::CallbackInfo &info);
Napi::Value connect_container(const Napi::CallbackInfo &info);
Napi::Value reserve_port(const Napi::CallbackInfo &info);
Napi::Value nft(const Napi::CallbackInfo &info);
Napi::Value watch_firewall(const Napi::CallbackInfo &info);
Napi::Value detach_mount(const Napi::CallbackInfo &info);
Napi::Value open_below(const Napi::CallbackInfo &info);
Napi::Value list_cgroups(const Napi::CallbackInfo &info);
Napi::Value open_sampler(const Napi::CallbackInfo &info);
Napi::Value follow_processes(const Napi::CallbackInfo &info);
Napi::Value scan_namespaces(const Napi::CallbackInfo &info);
Napi::Value scan_descriptors(const Napi::CallbackInfo &info);
Napi::Value namespaces_of(const Napi::CallbackInfo &info);
Napi::Value namespace_relations(const Napi::CallbackInfo &info);
Napi::Value read_in_namespace(const Napi::CallbackInfo &info);
Napi::Value network_of(const Napi::CallbackInfo &info);

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
  exports.Set("openLayers", Napi::Function::New(env, open_layers));
  exports.Set("openWritable", Napi::Function::New(env, open_writable));
  exports.Set("openContainerRoot", Napi::Function::New(env, open_container_root));
  exports.Set("listDirectory", Napi::Function::New(env, list_directory));
  exports.Set("statPath", Napi::Function::New(env, stat_path));
  exports.Set("openFile", Napi::Function::New(env, open_file));
  exports.Set("scanLayer", Napi::Function::New(env, scan_layer));
  exports.Set("setProjectQuota", Napi::Function::New(env, set_project_quota));
  exports.Set("peerFile", Napi::Function::New(env, peer_file));
  exports.Set("ensureBridge", Napi::Function::New(env, ensure_bridge));
  exports.Set("removeLink", Napi::Function::New(env, remove_link));
  exports.Set("connectContainer", Napi::Function::New(env, connect_container));
  exports.Set("reservePort", Napi::Function::New(env, reserve_port));
  exports.Set("nft", Napi::Function::New(env, nft));
  exports.Set("watchFirewall", Napi::Function::New(env, watch_firewall));
  exports.Set("detachMount", Napi::Function::New(env, detach_mount));
  exports.Set("openBelow", Napi::Function::New(env, open_below));
  exports.Set("listCgroups", Napi::Function::New(env, list_cgroups));
  exports.Set("openSampler", Napi::Function::New(env, open_sampler));
  exports.Set("followProcesses", Napi::Function::New(env, follow_processes));
  exports.Set("scanNamespaces", Napi::Function::New(env, scan_namespaces));
  exports.Set("scanDescriptors", Napi::Function::New(env, scan_descriptors));
  exports.Set("namespacesOf", Napi::Function::New(env, namespaces_of));
  exports.Set("namespaceRelations", Napi::Function::New(env, namespace_relations));
  exports.Set("readInNamespace", Napi::Function::New(env, read_in_namespace));
  exports.Set("networkOf", Napi::Function::New(env, network_of));
  return exports;
}

NODE_API_MODULE(bulkhead, initialise)
