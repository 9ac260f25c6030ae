// Package ranks is a process's place among those that train together, as torchrun,
// Slurm and Kubernetes' PyTorchJob tell it by the environment.
package ranks

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Patience is how long a rank waits for another of which nothing is heard, where nobody says
// otherwise. Batches that are late and checkpoints are not within it.
const Patience = 5 * time.Minute

// Place is a process's place among those that train together.
type Place struct {
	Rank, World           int    // of all processes
	LocalRank, LocalWorld int    // of those on this machine; a LocalWorld of 0 is not known
	Addr                  string // where rank 0 is reached
	Port                  int

	// Store is the name of the Unix socket at which the ranks of one machine meet; empty
	// where they meet at Addr and Port.
	Store string
	// Launched says that detnas launch has started the processes: it looks after them.
	Launched bool
	// Kept says that whoever started the processes holds their store, as torchrun
	// does; else rank 0 holds it.
	Kept bool
	// Attempt tells one start of the same processes from the next.
	Attempt string
}

// Alone reports whether the process trains by itself.
func (p Place) Alone() bool { return p.World <= 1 }

// Opens reports whether this process opens Port to all who reach its machine: c10d's
// TCPStore, at which the ranks of several machines meet, listens on all addresses.
func (p Place) Opens() bool { return !p.Alone() && p.Rank == 0 && !p.Kept && p.Store == "" }

// At says where the ranks meet.
func (p Place) At() string {
	switch {
	case p.Launched:
		return "the socket " + p.Store
	case p.Store != "":
		return fmt.Sprintf("the socket %s (MASTER_ADDR=%s is this machine's own: no rank comes from another)", p.Store, p.Addr)
	}
	return net.JoinHostPort(p.Addr, strconv.Itoa(p.Port))
}

// Command begins the command line that starts a run, or goes on with it, by as many
// processes. Who has started them otherwise than by launch does so again.
func (p Place) Command() []string {
	if p.Launched {
		return []string{"launch", "--workers", strconv.Itoa(p.World)}
	}
	return []string{"run"}
}

// FirstAttempt is the Attempt of processes that are started once, as launch does, which
// tells them of each other's end under it.
const FirstAttempt = "0"

// Prefix is what the keys of the ranks' store begin with.
func (p Place) Prefix() string { return "detnas/" + p.Attempt }

// DiedKey is the key that says how a rank's process has died, which launch sees.
func DiedKey(rank, pid int) string { return fmt.Sprintf("died/%d/%d", rank, pid) }

// OverKey is the key that says why launch starts a rank no more.
func OverKey(rank int) string { return fmt.Sprintf("over/%d", rank) }

// Share is this process's share of so many cores of the machine, at least one.
func (p Place) Share(cores int) int { return max(1, cores/max(1, p.LocalWorld)) }

// Turns are the places, of 0 to n-1, that fall to a rank where so many take them by turns,
// in order; none where there are fewer places than ranks before it.
func Turns(rank, world int, n int64) []int64 {
	step := int64(max(1, world))
	var out []int64
	for i := int64(rank); i < n; i += step {
		out = append(out, i)
	}
	return out
}

// mostRanks bounds a world; more than any published DetNAS needed by far.
const mostRanks = 1 << 16

// StoreVariable has the name of the socket at which processes of detnas launch meet.
const StoreVariable = "DETNAS_STORE"

// FromEnv reads a place from the environment: RANK, WORLD_SIZE, LOCAL_RANK,
// LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT as PyTorch has them, or Slurm's
// variables where neither RANK nor WORLD_SIZE is set. With neither, the process is
// alone. Where detnas launch has set StoreVariable, or MASTER_ADDR is on the loopback
// and nobody else holds a store there, the ranks meet at a socket of this machine.
func FromEnv(get func(string) string) (Place, error) {
	env := reader{get: get}
	if get("RANK") == "" && get("WORLD_SIZE") == "" && inSlurmStep(get) {
		env.get = fromSlurm(get)
	}
	if env.get("RANK") == "" && env.get("WORLD_SIZE") == "" {
		return Place{World: 1}, nil
	}
	for _, name := range []string{"RANK", "WORLD_SIZE"} {
		if env.get(name) == "" {
			return Place{}, fmt.Errorf("%s is set and %s is not: torchrun, or detnas launch, sets both; to train by one process, unset both",
				map[string]string{"RANK": "WORLD_SIZE", "WORLD_SIZE": "RANK"}[name], name)
		}
	}
	p := Place{
		World: env.number("WORLD_SIZE", 1, mostRanks, 1), Rank: env.number("RANK", 0, mostRanks, 0),
		LocalWorld: env.number("LOCAL_WORLD_SIZE", 1, mostRanks, 0), LocalRank: env.number("LOCAL_RANK", 0, mostRanks, 0),
		Addr: env.get("MASTER_ADDR"),
		Kept: env.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
	}
	p.Attempt = strings.Trim(env.get("TORCHELASTIC_RUN_ID")+"-"+cmp.Or(env.get("TORCHELASTIC_RESTART_COUNT"), FirstAttempt), "-")
	if env.err == nil && p.Alone() && p.Rank == 0 {
		return p, nil
	}
	if name := get(StoreVariable); name != "" {
		p.Store, p.Launched, p.Addr, p.Kept, p.Attempt = name, true, "", false, FirstAttempt
	} else {
		p.Port = env.number("MASTER_PORT", 1, 65535, 0)
	}
	if err := env.err; err != nil {
		return Place{}, err
	}
	if err := p.check(); err != nil {
		return Place{}, err
	}
	if !p.Launched && !p.Kept && loopback(p.Addr) {
		p.Store = "port-" + strconv.Itoa(p.Port) // of the port, the number alone
	}
	return p, nil
}

// check refuses a place that cannot be.
func (p Place) check() error {
	switch {
	case p.Rank >= p.World:
		return fmt.Errorf("RANK=%d with WORLD_SIZE=%d: ranks count from 0 to %d", p.Rank, p.World, p.World-1)
	case p.LocalWorld > p.World:
		return fmt.Errorf("LOCAL_WORLD_SIZE=%d with WORLD_SIZE=%d: a machine cannot have more of the processes than there are", p.LocalWorld, p.World)
	case p.LocalWorld > 0 && p.LocalRank >= p.LocalWorld:
		return fmt.Errorf("LOCAL_RANK=%d with LOCAL_WORLD_SIZE=%d: local ranks count from 0 to %d", p.LocalRank, p.LocalWorld, p.LocalWorld-1)
	case p.Launched:
		return checkStore(p.Store)
	case p.Addr == "":
		return errors.New("WORLD_SIZE is above 1 and MASTER_ADDR is not set: set it to the machine of rank 0, 127.0.0.1 where all are on one, or start with detnas launch or torchrun")
	case p.Port == 0:
		return errors.New("WORLD_SIZE is above 1 and MASTER_PORT is not set: set it to a free port of rank 0's machine, the same for all, such as 29500")
	case loopback(p.Addr) && p.LocalWorld > 0 && p.LocalWorld < p.World:
		return fmt.Errorf("MASTER_ADDR=%s is each machine's own, and of the %d processes only %d are on this one: set MASTER_ADDR to an address at which the others reach the machine of rank 0", p.Addr, p.World, p.LocalWorld)
	}
	return nil
}

// loopback reports whether an address leads to the machine itself by its form.
func loopback(addr string) bool {
	ip := net.ParseIP(addr)
	if ip == nil {
		return strings.EqualFold(strings.TrimSuffix(addr, "."), "localhost") || numeric(addr)>>24 == 127
	}
	return ip.IsLoopback()
}

// numeric is an address of IPv4 in one of the forms that inet_aton(3) takes, by which names
// are looked up: one to four numbers, decimal, octal after 0 or hexadecimal after 0x, of which
// the last fills what the others leave. What is none is 0.
func numeric(addr string) uint32 {
	parts := strings.Split(addr, ".")
	if len(parts) > 4 {
		return 0
	}
	var out uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 32 - 8*i
		}
		n, err := strconv.ParseUint(part, 0, bits)
		if err != nil || strings.Contains(part, "_") || len(part) > 1 && strings.ContainsAny(part[1:2], "oObB") { // Go's own forms
			return 0
		}
		out = out<<bits | n
	}
	return uint32(out) //nolint:gosec // of 32 bits in all
}

// longestStore is the longest name of a store; a socket's has 107 bytes in all.
const longestStore = 64

func checkStore(name string) error {
	if len(name) > longestStore || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%s=%q in the environment: it must be at most %d letters, digits and signs; detnas launch sets it", StoreVariable, name, longestStore)
	}
	return nil
}

// reader reads numbers and keeps the first error.
type reader struct {
	get func(string) string
	err error
}

// number is a variable's value, or what it is where it is not set.
func (r *reader) number(name string, least, most, unset int) int {
	text := r.get(name)
	if text == "" {
		return unset
	}
	n, err := strconv.Atoi(text)
	if (err != nil || n < least || n > most) && r.err == nil {
		r.err = fmt.Errorf("%s=%q in the environment: it must be a whole number from %d to %d", name, text, least, most)
	}
	return n
}
