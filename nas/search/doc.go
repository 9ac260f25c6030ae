// Package search searches a space: it proposes candidates and takes their scores,
// and evaluates nothing itself. How candidates come about is the method's: the
// evolution of DetNAS and Single Path One-Shot, regularised evolution, random search,
// or NSGA-II for score against cost.
//
// A search has generations of Population candidates; the first is random. No subnet
// is proposed twice in a search. Candidates are ordered by their score, the highest
// first, and equal scores by who was proposed earlier.
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
