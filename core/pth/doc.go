// Package pth reads and writes the checkpoints of PyTorch, in its zip format (1.6 on)
// and, reading, in the one before it.
//
// Such a file is a pickle, which in Python is a program: it names functions that are
// called as it is read. Here nothing is called. The reader knows the instructions that
// PyTorch writes and the few names that stand for tensors and plain containers; a
// handful of others, by which training frameworks keep their logs, are taken as things
// that are there and have no content. Every other name is refused.
package pth
