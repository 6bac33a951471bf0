// The files that a container opens, as fanotify(7) tells of its root's mount: what *Minimize* goes by.
#pragma once

namespace opens {

// Begins to listen. -1 with errno. The descriptor is ready to be read when there is something to `keep`.
int start();

// From now on opens of files on this mount are told. False with errno.
bool mark(int fanotify, int mount);

// Appends the paths that were opened, each once and with a NUL at its end, to the file `opens` in a directory.
void keep(int fanotify, int directory);

}  // namespace opens
