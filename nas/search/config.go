package search

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"detnas/nas"
)

// Config says what is searched and how.
type Config struct {
	Space nas.Space
	Seed  uint64

	Method      Method // empty is the evolution
	Population  int    // candidates of a generation
	Generations int    // the first, which is random, counts as one

	// Of the evolution and NSGA-II, which has parents of its own.
	Parents    int     // best candidates so far that mutations and crossovers draw from
	Mutations  int     // candidates of a generation made by mutation
	Crossovers int     // candidates of a generation made by crossover
	Mutation   float64 // probability that a mutation draws a block anew, from 0 to 1

	Tournament int                      // of the regularised evolution: candidates that a parent is the best of
	Cost       func(nas.Subnet) float64 // of NSGA-II: what is to be low

	Allowed func(nas.Subnet) bool // the constraint; nil allows every subnet
	// Locks are the choices, by block from 1, that all subnets have but those
	// that are pinned.
	Locks map[int]nas.Choice
}

// Published returns the settings of the paper, which the official code and
// MMRazor share: 20 generations of 50, 10 parents, 20 mutations with
// probability 0.1 a block, 20 crossovers.
func Published(space nas.Space, seed uint64) Config {
	return Config{
		Space: space, Seed: seed,
		Population: 50, Generations: 20, Parents: 10, Mutations: 20, Crossovers: 20, Mutation: 0.1,
	}
}

// Planned returns how many candidates the search evaluates unless the space
// runs out of allowed ones first.
func (c Config) Planned() int { return c.Population * c.Generations }

// Check says what is wrong with the config, all of it in one error, or returns
// nil.
func (c Config) Check() error {
	errs := []error{
		c.Space.Validate(),
		inRange("population", c.Population, 1),
		inRange("generations", c.Generations, 1),
		checkLocks(c.Space, c.Locks),
	}
	if m, err := methodOf(c.Method); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, m.check(c)...)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

func inRange(field string, value, least int) error {
	const most = 1 << 20
	if value < least || value > most {
		return fmt.Errorf("%s is %d; it must be from %d to %d", field, value, least, most)
	}
	return nil
}

// Locked returns the locks with one more.
func (c Config) Locked(block int, choice nas.Choice) map[int]nas.Choice {
	locks := maps.Clone(c.Locks)
	if locks == nil {
		locks = map[int]nas.Choice{}
	}
	locks[block] = choice
	return locks
}

func checkLocks(space nas.Space, locks map[int]nas.Choice) error {
	for _, block := range slices.Sorted(maps.Keys(locks)) {
		if block < 1 || block > space.Len() {
			return fmt.Errorf("lock block %d: space %s has the blocks 1 to %d", block, space.Name, space.Len())
		}
		if !slices.Contains(space.Choices, locks[block]) {
			return fmt.Errorf("lock block %d: %d is no choice of space %s; use one of %v", block, int(locks[block]), space.Name, space.Choices)
		}
	}
	return nil
}

// lock gives the locked blocks of a subnet their choices.
func (c Config) lock(s nas.Subnet) nas.Subnet {
	for block, choice := range c.Locks {
		s[block-1] = choice
	}
	return s
}

// random draws a subnet that has the locked choices.
func (c Config) random(rng *rand.Rand) nas.Subnet { return c.lock(nas.Random(c.Space, rng)) }

// allows applies the constraint.
func (c Config) allows(s nas.Subnet) bool { return c.Allowed == nil || c.Allowed(s) }
