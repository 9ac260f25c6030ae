package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"slices"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
)

// proof is a digest of what is computed here, by a team as that of a score, of one batch of
// the guide along one path for each choice, after BN was recalibrated on one batch. Who
// comes to the same has the same weights and computes the same bits, as far as that can be
// told by a little.
func (j *judge) proof(ctx context.Context) (string, error) {
	h := sha256.New()
	for _, choice := range j.space.Choices {
		sub := slices.Repeat(nas.Subnet{choice}, j.space.Len())
		var err error
		if j.scorer != nil {
			err = j.scorer.prove(ctx, h, sub)
		} else {
			err = j.classes.prove(ctx, h, sub)
		}
		switch {
		case errors.Is(err, nn.ErrNotFinite):
			put(h, sub, "not finite")
		case err != nil:
			return "", fmt.Errorf("see whether all ranks compute the same: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

func (s *scorer) prove(ctx context.Context, h hash.Hash, sub nas.Subnet) error {
	few := s.calibration
	few.count = min(1, few.count)
	by, err := s.normalise(ctx, s.d, sub, few)
	if err != nil {
		return err
	}
	defer by.free()
	images, err := s.guide.batch(ctx, 0)
	if err != nil || images.N == 0 {
		return err
	}
	return tensor.NoGrad(func() error {
		return tensor.Run("prove", func(sc *tensor.Scope) error {
			x := sc.FromFloats(images.X, s.device, int64(images.N), int64(images.C), int64(images.H), int64(images.W))
			pass := &nn.Pass{Scope: sc, Mode: by.mode, Stats: by.stats}
			for _, stage := range s.d.backbone.Forward(pass, x, sub) {
				if err := putTensor(h, stage); err != nil {
					return err
				}
			}
			perImage, err := s.d.net.Detect(pass, train.DetectorBatch(x, images), sub)
			for _, boxes := range perImage {
				for _, box := range boxes {
					for _, v := range append(box.Box[:], box.Score) {
						put(h, math.Float32bits(v))
					}
				}
			}
			return err
		})
	})
}

func (j *classJudge) prove(ctx context.Context, h hash.Hash, sub nas.Subnet) error {
	pass, free, err := j.pass(ctx, sub, 1)
	if err != nil {
		return err
	}
	defer free()
	images, err := j.guide.Batch(ctx, 0)
	if err != nil || images.N == 0 {
		return err
	}
	return tensor.NoGrad(func() error {
		return tensor.Run("prove", func(sc *tensor.Scope) error {
			pass.Scope = sc
			return putTensor(h, j.classifier.net.Forward(&pass, j.input(sc, images), sub))
		})
	})
}

// input is a batch as the network takes it.
func (j *classJudge) input(s *tensor.Scope, b dataset.ClassBatch) *tensor.Tensor {
	return s.FromFloats(b.X, j.device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
}

// putTensor takes in the bits of a float tensor.
func putTensor(h hash.Hash, t *tensor.Tensor) error {
	values, err := t.Floats()
	if err != nil {
		return err
	}
	return binary.Write(h, binary.LittleEndian, values)
}
