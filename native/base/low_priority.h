// Threads whose work can wait: they get the time that nobody else wants. Thread: any.
#pragma once

namespace ashlar {

// Of the calling thread, for the rest of its life. Where the system refuses, nothing changes.
void lower_priority();
// Lower still: what computes so must hold no lock that others wait for.
void lowest_priority();

}  // namespace ashlar
