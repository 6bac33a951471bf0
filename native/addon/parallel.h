// Work on many things, on as many threads as this machine has processors, four at most.
#pragma once
#include <algorithm>
#include <stddef.h>
#include <thread>
#include <vector>

constexpr size_t kMostThreads = 4;

// `work(part, from, to)` for each part of `size` things; the calling thread does the first.
template <typename Work>
void in_parallel(size_t size, Work work) {
  size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  std::vector<std::thread> others;
  for (size_t part = 1; part < threads; part++)
    others.emplace_back([=] { work(part, size * part / threads, size * (part + 1) / threads); });
  work(0, 0, size / threads);
  for (std::thread &other : others) other.join();
}
