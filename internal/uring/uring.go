// Package uring is io_uring(7) as the kernel gives it: a submission ring, a
// completion ring and rings of provided buffers, with no policy of its own.
// It is for package engine; most programs want that, or net.
//
// A Ring belongs to one thread: the one that made it, locked to its goroutine
// (runtime.LockOSThread), makes every call. Memory that a submission names
// must neither move nor be collected until its completion came: it is the
// caller's to see to that, with memory from [Arena] or a pinned object.
//
// Layout of the one mapping that holds both rings (IORING_FEAT_SINGLE_MMAP;
// offsets come from io_uring_setup(2)):
//
//	| sq head | sq tail | masks, flags | cq head | cq tail | cqes … | sq array … |
//	                                                        16 bytes   4 bytes each
//
// The array of submission indices lies after the completions and is absent
// with IORING_SETUP_NO_SQARRAY; the mapping must cover whichever ends last.
// The submission entries themselves, 64 bytes each, are a second mapping.
package uring
