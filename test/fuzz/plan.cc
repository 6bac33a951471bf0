// The watcher's reader of plans under libFuzzer with sanitizers: whatever the bytes, it reads or refuses, and never
// looks past their end. Every kind of operation is decoded.
#include <setjmp.h>
#include <stdlib.h>

#include "../../native/plan/operations.h"

static jmp_buf refused;
static void malformed(const char *) { longjmp(refused, 1); }

template <typename Operation>
static void decode(plan::Reader fields) {
  if (setjmp(refused) == 0) Operation{fields};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  plan::Reader fields(data, size, malformed);
  decode<plan::Watch>(fields);
  decode<plan::CreateCgroup>(fields);
  decode<plan::SetCgroupLimit>(fields);
  decode<plan::NewNamespaces>(fields);
  decode<plan::MapIds>(fields);
  decode<plan::AddLayer>(fields);
  decode<plan::MountOverlay>(fields);
  decode<plan::Mount>(fields);
  decode<plan::Bind>(fields);
  decode<plan::BindDevice>(fields);
  decode<plan::Symlink>(fields);
  decode<plan::BindFile>(fields);
  decode<plan::SetRlimit>(fields);
  decode<plan::SetUser>(fields);
  decode<plan::InstallSeccompFilter>(fields);
  decode<plan::Exec>(fields);
  if (setjmp(refused) == 0) {
    plan::Reader whole(data, size, malformed);
    plan::Strings strings = whole.strings();
    plan::Reader each = strings.reader();
    for (uint32_t i = 0; i < strings.count; i++) each.string();
    whole.part(whole.u32()).finish();
  }
  return 0;
}
