// Which kernel this is, where it cannot be found out by trying: an older one takes an option that it does not know, and
// refuses the whole mount later.
#pragma once
#include <stdio.h>
#include <sys/utsname.h>

inline bool kernel_is_at_least(int major, int minor) {
  utsname name;
  int a = 0, b = 0;
  if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &a, &b) != 2) return false;
  return a > major || (a == major && b >= minor);
}

// overlayfs takes its lower directories one by one (`lowerdir+`) from Linux 6.7 on.
inline bool takes_separate_layers() { return kernel_is_at_least(6, 7); }
