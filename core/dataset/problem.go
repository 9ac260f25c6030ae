package dataset

import (
	"fmt"
	"strings"
	"sync"

	"detnas/core/input"
)

// Policy says what becomes of a fault in a dataset.
type Policy string

const (
	// PolicySkip leaves the faulty thing out, or mends it, and lists it.
	PolicySkip Policy = "skip"
	// PolicyRefuse makes the first fault an error.
	PolicyRefuse Policy = "refuse"
)

// check refuses a policy of another name; the empty one is PolicySkip.
func (p Policy) check() error {
	switch p {
	case "", PolicySkip, PolicyRefuse:
		return nil
	}
	return fmt.Errorf("policy %q is unknown; use %q or %q", string(p), PolicySkip, PolicyRefuse)
}

// Kinds of problems, as they stand in Problem.Kind and in reports.
const (
	KindMissingFile      = "missing-file"      // an image that is listed but is not there, or has no annotation file
	KindBrokenAnnotation = "broken-annotation" // an image's annotation file that cannot be read
	KindBrokenImage      = "broken-image"      // an image that cannot be decoded
	KindSizeMismatch     = "size-mismatch"     // a width and height that are not the file's
	KindDuplicateID      = "duplicate-id"      // an id given twice
	KindUnknownImage     = "unknown-image"     // a box of an image that is not listed
	KindUnknownCategory  = "unknown-category"  // a box of a category that is not listed
	KindBadBox           = "bad-box"           // a box that is absent or not four numbers
	KindEmptyBox         = "empty-box"         // a box without area
	KindBoxOutside       = "box-outside"       // a box that is partly or wholly outside its image
	KindNoName           = "no-name"           // a category without a name
	KindEmptyClass       = "empty-class"       // a class folder without images
	KindUnknownExtension = "unknown-extension" // a file in a class folder that is not read
	KindMore             = "more-problems"     // those that are too many to be listed
)

// Problem is one fault found in a dataset.
type Problem struct {
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
	// Where names the file and the place in it.
	Where string `json:"where"`
	// What tells the fault, and what was done about it when it is skipped.
	What string `json:"what"`
	// Cure is what a person can do.
	Cure string `json:"cure"`
}

// String puts the problem on one line.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s (%s); %s", input.Line(p.Where), input.Line(p.What), p.Kind, p.Cure)
}

// mostProblems is how many problems of a set are listed.
const mostProblems = 100_000

// faults gathers the problems of a set as it is read.
type faults struct {
	problems []Problem
	more     int // that are not listed
}

// note adds a problem, in words that a line can hold.
func (f *faults) note(kind, where, what, cure string) {
	if len(f.problems) == mostProblems {
		f.more++
		return
	}
	f.problems = append(f.problems, Problem{Kind: kind, Where: input.Line(where), What: input.Line(what), Cure: cure})
}

// listed are the problems of a source, the last one about those that are not
// listed.
func (f *faults) listed(source string) []Problem {
	if f.more == 0 {
		return f.problems
	}
	return append(f.problems, Problem{
		Kind: KindMore, Where: input.Line(source), What: fmt.Sprintf("it has %d more problems, which are not listed", f.more), Cure: "mend those that are",
	})
}

// done are the ways in which What ends with what was done about a fault.
var done = []string{
	"; left out", "; left out with its boxes", "; left out with its image", "; the image is left out", "; cut at the edge", "; both are kept",
	", left out",
}

// undone is the problem where nothing is done about it.
func (p Problem) undone() Problem {
	for _, end := range done {
		p.What = strings.TrimSuffix(p.What, end)
	}
	if p.Kind == KindNoName {
		p.What, _, _ = strings.Cut(p.What, "; called ")
	}
	return p
}

// refuse turns problems into one error that names the first and the count, and
// into nil when there are none or the policy lets them be.
func refuse(policy Policy, problems []Problem) error {
	if policy != PolicyRefuse || len(problems) == 0 {
		return nil
	}
	p := problems[0].undone()
	if len(problems) == 1 {
		return fmt.Errorf("%s", p)
	}
	return fmt.Errorf("%s (the first of %d problems; `detnas data check` lists them all)", p, len(problems))
}

// reporter tells a caller of each broken file once. Its zero value tells nobody.
type reporter struct {
	mu   sync.Mutex
	seen map[string]bool
	tell func(Problem)
}

// report passes p on unless its place has been reported before.
func (r *reporter) report(p Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[p.Where] {
		return
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[p.Where] = true
	if r.tell != nil {
		r.tell(p)
	}
}

// know takes the images that are missing for reported: that was done when their
// set was opened.
func (r *reporter) know(images []ImageInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range images {
		if !m.Missing {
			continue
		}
		if r.seen == nil {
			r.seen = map[string]bool{}
		}
		r.seen[m.File] = true
	}
}

// has reports whether a file was reported, and so is known to be broken.
func (r *reporter) has(where string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[where]
}
