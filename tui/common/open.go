package common

// The messages by which a page opens another one or asks the program for
// something that no page can do.

// OpenRuns goes to the list of runs.
type OpenRuns struct{}

// OpenRun goes to a run's page.
type OpenRun struct{ Dir string }

// OpenSearch goes to the search page of the run that is open.
type OpenSearch struct{}

// OpenSubnet goes to the page of a subnet of the run that is open, beside
// another one where With is not empty.
type OpenSubnet struct{ Subnet, With string } // short forms

// OpenConfig goes to the config page: that of the run that is open, or of the
// preset or file named, from which a run can be started.
type OpenConfig struct{ Preset string }

// StartRun starts a run in the background from a preset, a file, or text.
type StartRun struct {
	Config string // a preset's name or a path
	Text   string // TOML, in place of what Config names when not empty
	Name   string // of the run; empty makes one
}

// ResumeRun goes on with a run in the background.
type ResumeRun struct{ Dir string }

// DeleteRun removes a run's folder; the user has been asked.
type DeleteRun struct{ Dir string }

// Compare lays runs over the charts of the one that is open.
type Compare struct{ Dirs []string }
