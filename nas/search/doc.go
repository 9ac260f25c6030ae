// Package search searches a space, by the evolution of DetNAS and Single Path
// One-Shot. It proposes candidates and takes their scores; it evaluates nothing
// itself.
//
// A generation holds mutations and crossovers of the best candidates so far and
// is filled up with random subnets; the first holds random subnets only. No
// subnet is proposed twice in a search. Candidates are ordered by their score,
// the highest first, and equal scores by who was proposed earlier.
//
// A person steers a search by pinning subnets, which are then evaluated next and
// bred from, and by locking the choice of a block for all that is bred after it.
//
// What is proposed is a function of the config, of the scores reported so far
// and of what people did at which place between them: every draw comes from the
// seed and a position (generation, slot, try). A search that was cut short goes
// on exactly as it would have when the candidates and the acts in its journal
// are replayed into a new one.
package search
