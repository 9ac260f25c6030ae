// The C interface of training by several processes: a store of c10d's, and sums by c10d's
// Gloo or by NCCL. Functions return NULL or a message that the caller frees, as those of
// ops.h; every rank of a group calls the collective ones in the same order.
#ifndef DETNAS_GROUP_H
#define DETNAS_GROUP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A store of keys that all ranks reach at host:port; serve has this process hold it.
// Keys are below prefix. Each call but the waits takes seconds at most.
char *dn_store_open(void **out, const char *host, int port, int serve,
                    const char *prefix, double seconds);
// The same of the ranks of one machine, at a Unix socket; store_local.h.
char *dn_store_open_local(void **out, const char *address, const char *prefix, double seconds);
char *dn_store_set(void *store, const char *key, const void *value, size_t bytes);
char *dn_store_get(void *store, const char *key, void **value, size_t *bytes); // of a key that is there
char *dn_store_has(void *store, const char *key, int *yes);
char *dn_store_add(void *store, const char *key, int64_t by, int64_t *now);
char *dn_store_remove(void *store, const char *key); // nothing where there is none

// By what groups of this build compute, on CPUs "Gloo" and on GPUs "NCCL"; "" without groups.
const char *dn_group_kind(void);
// NULL where a rank of a group may compute on this device, -1 being the CPU.
char *dn_group_ready(int device);

// A group, in which only dn_group_fail may be called before it was opened.
char *dn_group_make(void **out);
// Connects world processes, of which this is rank. With a loopback address they are on one
// machine, and share memory for sums of the host. name is another one for each group of a
// store; address is the one under which the others reach this process; device is what it
// computes on. A collective call that takes more than seconds fails.
char *dn_group_open(void *group, void *store, const char *name, const char *address,
                    int device, int rank, int world, double seconds);
// Has a group's next sums fail with why, over NCCL those under way, too; from any thread.
char *dn_group_fail(void *group, const char *why);
char *dn_group_reduce(void *group, double *values, int n, int greatest); // sums, or greatest
char *dn_group_broadcast(void *group, void **tensors, int n);            // rank 0's, bit for bit
char *dn_group_sum_grads(void *group, void **params, int n);
char *dn_group_waited(void *group, double *seconds); // in all these calls so far, from any thread

// Batch normalisation over the batches of all ranks; group_norm.cpp.
char *dn_group_norm(void **out, void *group, void *x, void *weight, void *bias,
                    void *mean, void *variance, double momentum, double eps);

#ifdef __cplusplus
}
#endif
#endif
