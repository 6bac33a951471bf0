// A seccomp filter from a list of rules, compiled by libseccomp (seccomp_rule_add(3)).
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "errors.h"

namespace {

struct Rule {
  std::vector<std::string> names;
  uint32_t action;
  std::vector<scmp_arg_cmp> arguments;
};

scmp_compare comparison(Napi::Env env, const std::string &op) {
  if (op == "eq") return SCMP_CMP_EQ;
  if (op == "ne") return SCMP_CMP_NE;
  if (op == "lt") return SCMP_CMP_LT;
  if (op == "le") return SCMP_CMP_LE;
  if (op == "gt") return SCMP_CMP_GT;
  if (op == "ge") return SCMP_CMP_GE;
  if (op == "maskedEq") return SCMP_CMP_MASKED_EQ;
  throw Napi::TypeError::New(env, "unknown comparison " + op);
}

Rule read_rule(Napi::Env env, Napi::Object object) {
  Rule rule;
  Napi::Array names = object.Get("names").As<Napi::Array>();
  for (uint32_t i = 0; i < names.Length(); i++) rule.names.push_back(names.Get(i).As<Napi::String>());
  std::string action = object.Get("action").As<Napi::String>();
  rule.action = action == "allow" ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(object.Get("errno").ToNumber().Uint32Value());
  if (!object.Has("args")) return rule;
  Napi::Array arguments = object.Get("args").As<Napi::Array>();
  for (uint32_t i = 0; i < arguments.Length(); i++) {
    Napi::Object argument = arguments.Get(i).As<Napi::Object>();
    scmp_arg_cmp compare{};
    compare.arg = argument.Get("index").ToNumber().Uint32Value();
    compare.op = comparison(env, argument.Get("op").As<Napi::String>());
    compare.datum_a = static_cast<scmp_datum_t>(argument.Get("value").ToNumber().Int64Value());
    if (argument.Has("valueTwo"))
      compare.datum_b = static_cast<scmp_datum_t>(argument.Get("valueTwo").ToNumber().Int64Value());
    rule.arguments.push_back(compare);
  }
  return rule;
}

// Compiling takes some milliseconds: on the worker pool.
class Compile : public Napi::AsyncWorker {
 public:
  Compile(Napi::Env env, uint32_t default_errno, std::vector<Rule> rules)
      : Napi::AsyncWorker(env), deferred_(env), default_errno_(default_errno), rules_(std::move(rules)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(default_errno_));
    if (context == nullptr) return SetError("seccomp_init failed");
    std::string error = fill(context);
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (error.empty() && (fd < 0 || seccomp_export_bpf(context, fd) != 0)) error = "seccomp_export_bpf failed";
    seccomp_release(context);
    if (error.empty()) {
      program_.resize(static_cast<size_t>(lseek(fd, 0, SEEK_END)));
      if (pread(fd, program_.data(), program_.size(), 0) != static_cast<ssize_t>(program_.size()))
        error = "the program cannot be read back";
    }
    if (fd >= 0) close(fd);
    if (!error.empty()) SetError(error);
  }

  void OnOK() override {
    Napi::Uint8Array result = Napi::Uint8Array::New(Env(), program_.size());
    memcpy(result.Data(), program_.data(), program_.size());
    deferred_.Resolve(result);
  }
  void OnError(const Napi::Error &error) override { deferred_.Reject(error.Value()); }

 private:
  std::string fill(scmp_filter_ctx context) {
    // no_new_privs is an operation of its own in the plan.
    seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0);
    // A decision tree instead of a list: fewer instructions a call.
    seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
#if defined(__x86_64__)
    // 32-bit programs run too, under the same rules; their socketcall(2) multiplexer is not allowed by any rule.
    if (seccomp_arch_add(context, SCMP_ARCH_X86) != 0) return "seccomp_arch_add failed";
#endif
    for (const Rule &rule : rules_) {
      for (const std::string &name : rule.names) {
        int number = seccomp_syscall_resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR) continue;
        int result = seccomp_rule_add_array(context, rule.action, number,
                                            static_cast<unsigned>(rule.arguments.size()), rule.arguments.data());
        if (result != 0) return "rule for " + name + ": " + strerror(-result);
      }
    }
    return "";
  }

  Napi::Promise::Deferred deferred_;
  uint32_t default_errno_;
  std::vector<Rule> rules_;
  std::vector<uint8_t> program_;
};

}  // namespace

Napi::Value compile_seccomp(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Array list = info[1].As<Napi::Array>();
  std::vector<Rule> rules;
  for (uint32_t i = 0; i < list.Length(); i++) rules.push_back(read_rule(env, list.Get(i).As<Napi::Object>()));
  auto *work = new Compile(env, info[0].As<Napi::Number>().Uint32Value(), std::move(rules));
  Napi::Promise promise = work->promise();
  work->Queue();
  return promise;
}
