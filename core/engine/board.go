package engine

import (
	"detnas/core/dataset"
	"detnas/core/run"
	"detnas/core/tensorboard"
	"detnas/nas"
)

// newBoard has TensorBoard's event files written of all that the watcher is told of,
// or is nil where the config asks for none.
func (e *engine) newBoard() *tensorboard.Board {
	if !e.cfg.TensorBoard {
		return nil
	}
	opts := tensorboard.Options{
		Folder: e.folder, Decode: dataset.DecodeOptions{ApplyEXIF: e.cfg.Data.ApplyEXIF},
		Warn: func(what string) { e.note(run.Warning{What: what}) },
	}
	for _, name := range e.cfg.Space.Choices {
		if c, err := nas.ParseChoice(name); err == nil {
			opts.Choices = append(opts.Choices, tensorboard.Choice{Name: name, Digit: byte('0' + int(c))})
		}
	}
	board, watch := tensorboard.New(opts), e.opts.Watch
	e.opts.Watch = func(ev run.Event) {
		board.Watch(ev)
		if watch != nil {
			watch(ev)
		}
	}
	return board
}
