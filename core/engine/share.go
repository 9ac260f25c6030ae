package engine

import (
	"context"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/tensor"
)

// orderOf is the order to train a step from where it stands.
func (e *engine) orderOf(t training, p progress, length int) order {
	o := order{
		Do: doTrain, Folder: e.folder.Dir(), Data: e.folder.Data(), Config: e.cfg.Resolved(), Step: t.step,
		Iteration: p.Iteration, Length: length, LRScale: p.LRScale, Prints: map[string]run.DataPrint{},
	}
	if t.step > config.StepSearch {
		o.Subnet = e.result.Subnet
	}
	for _, key := range e.data.keys(t.step) {
		if k, ok := e.data.known[key]; ok {
			o.Prints[key] = k.print
		}
	}
	return o
}

// state is all of a network and its training that changes, in one order on all ranks.
func (t training) state() []*tensor.Tensor {
	var ts []*tensor.Tensor
	for _, p := range t.store.Params {
		ts = append(ts, p.T)
	}
	for _, b := range t.store.Buffers {
		ts = append(ts, b.T)
	}
	return append(append(ts, t.opt.State()...), t.average.State()...)
}

// share gives the other ranks an order and rank 0's network.
func (e *engine) share(ctx context.Context, t training, o order) error {
	if e.crew.alone() {
		return nil
	}
	if o.Do == doTrain {
		if err := e.crew.muster(ctx, &o, e.note); err != nil {
			return err
		}
	}
	if err := e.crew.tell(o); err != nil {
		return err
	}
	if o.Do == doTrain {
		if err := e.crew.regroup(o.Group, o.Members, e.device); err != nil {
			return err
		}
	}
	if err := e.crew.group.Broadcast(t.state()); err != nil {
		return e.crew.lost(err)
	}
	return nil
}

// retuned has the other ranks take over the config.
func (e *engine) retuned() error {
	if e.crew.alone() {
		return nil
	}
	return e.crew.tell(order{Do: doRetune, Config: e.cfg.Resolved()})
}
