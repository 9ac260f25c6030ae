package ranks

// ElsewhereError is the error of a rank that has ended because another one has, or was
// told to: nothing that people need to read twice.
type ElsewhereError struct{ Err error }

// Error implements error.
func (e *ElsewhereError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ElsewhereError) Unwrap() error { return e.Err }
