/*
 * TCP throughput: `stream serve PORT SECONDS` prints the bytes a second that it receives, `stream send HOST PORT` sends
 * until the other side closes. Static, so that it runs in any root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int count, char **words) {
  static char buffer[256 * 1024];
  struct sockaddr_in address = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (count == 4 && strcmp(words[1], "serve") == 0) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    address.sin_port = htons((unsigned short)atoi(words[2]));
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1)) return perror("listen"), 1;
    int peer = accept(fd, NULL, NULL);
    double seconds = atof(words[3]), begin = now(), total = 0;
    while (now() - begin < seconds) {
      ssize_t got = read(peer, buffer, sizeof buffer);
      if (got <= 0) break;
      total += (double)got;
    }
    printf("%.0f\n", total / (now() - begin));
    return 0;
  }
  if (count == 4 && strcmp(words[1], "send") == 0) {
    signal(SIGPIPE, SIG_IGN);
    address.sin_port = htons((unsigned short)atoi(words[3]));
    inet_pton(AF_INET, words[2], &address.sin_addr);
    for (int tries = 0; connect(fd, (struct sockaddr *)&address, sizeof address); tries++) {
      if (tries == 100) return perror("connect"), 1;
      usleep(20000);
      close(fd);
      fd = socket(AF_INET, SOCK_STREAM, 0);
    }
    while (write(fd, buffer, sizeof buffer) > 0) {
    }
    return 0;
  }
  return 2;
}
