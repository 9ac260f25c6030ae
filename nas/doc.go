// Package nas describes DetNAS search spaces and the subnets in them: which
// block stands where, which of the four choices a subnet takes, what it costs,
// and how it is written down. It holds no tensors; the networks themselves are
// built from these descriptions by nas/supernet.
package nas
