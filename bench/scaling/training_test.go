package main

import (
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/supernet"
)

// TestLayersAreTheNetworks wants the BN layers and the weights that are counted to be
// those of the network that is trained.
func TestLayersAreTheNetworks(t *testing.T) {
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	channels, bytes := 0.0, 0.0
	for _, c := range space.Choices {
		err := tensor.OnThread(1, func() error {
			st := nn.NewStore(tensor.CPU, 1)
			defer st.Free()
			path := make(nas.Subnet, space.Len())
			for i := range path {
				path[i] = c
			}
			if _, err := supernet.NewSubnet(st.Root(), space, path); err != nil {
				return err
			}
			bytes += float64(st.Count()) // four of them for a weight, by one path in four
			arrays, err := st.Export()
			for _, a := range arrays {
				if strings.HasSuffix(a.Name, "running_mean") {
					channels += float64(a.Shape[0]) / 4
				}
			}
			if err != nil {
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	counted := 0.0
	for _, l := range layers(space) {
		counted += l.share * l.channels
	}
	near(t, "channels of BN", counted, channels)
	near(t, "bytes of gradients", pathBytes(space), bytes)
}

// TestSums wants sums over ranks to take what the formulas say.
func TestSums(t *testing.T) {
	n := network{latency: 1e-3, bandwidth: 1e6}
	near(t, "a ring of 4", n.ring(8e6, 4), 6e-3+1.5*8)
	near(t, "a ring of 2", n.ring(0, 2), 2e-3)
	near(t, "a ring of 1", n.ring(8e6, 1), 0)
	near(t, "a tree of 8", n.tree(1000, 8), 6*2e-3)
	near(t, "a tree of 5", n.tree(1000, 5), 6*2e-3)
}

// TestIteration wants an iteration of few ranks to be computing, the batch to bound the
// ranks, and unequal shares to take as long as the largest.
func TestIteration(t *testing.T) {
	tr := training{batch: 6, image: 1, fixed: 0.5, norms: []layer{{channels: 10, share: 1}}, grads: 1e6}
	free := network{latency: 0, bandwidth: 1e18}
	for ranks, want := range map[int]float64{1: 6.5, 2: 3.5, 3: 2.5, 4: 2.5, 6: 1.5} {
		i, ok := tr.over(free, ranks, false)
		if !ok {
			t.Errorf("%d ranks are refused", ranks)
		}
		near(t, "an iteration", i.total(), want)
	}
	if _, ok := tr.over(free, 7, false); ok {
		t.Error("7 ranks share 6 images")
	}
	near(t, "sums of an iteration", tr.sums(), 2+otherSums)
	slow := network{latency: 1, bandwidth: 1e18}
	if i, _ := tr.over(slow, 2, false); i.cause() != "BN's sums" {
		t.Errorf("with a latency of 1 s the most is lost to %s", i.cause())
	}
	thin := network{latency: 0, bandwidth: 1e3}
	if i, _ := tr.over(thin, 2, false); i.cause() != "gradients" {
		t.Errorf("with 1,000 bytes a second the most is lost to %s", i.cause())
	}
	if i, _ := tr.over(free, 4, false); i.cause() != "batch's share" {
		t.Errorf("on a network that costs nothing the most is lost to %s", i.cause())
	}
}

// TestLatency wants the latency of a measured speed-up to be the one that makes it.
func TestLatency(t *testing.T) {
	tr := training{batch: 6, image: 0.1, fixed: 0.01, norms: []layer{{channels: 10, share: 1}}, grads: 1e7}
	n := network{latency: 3e-4, bandwidth: 1e9}
	for _, ranks := range []int{2, 3} {
		near(t, "the latency", tr.latency(n, ranks, tr.speedup(n, ranks, false)), n.latency)
	}
}

// TestPublishedPace wants the model on the published GPUs, without the network, to take
// the published days.
func TestPublishedPace(t *testing.T) {
	pub, _, err := trainings()
	if err != nil {
		t.Fatal(err)
	}
	for i, its := range []float64{pretrainIts, finetuneIts} {
		it, _ := pub[i].over(network{bandwidth: 1e18}, publishedGPUs, false)
		near(t, pub[i].name, its*it.total()/day, stepDays+its*(it.small+it.grads)/day)
	}
	near(t, "20 GPUs on 1,000 candidates", publishedCandidate*1000/20, day)
}
