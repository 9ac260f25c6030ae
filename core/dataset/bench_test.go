package dataset

import (
	"path/filepath"
	"testing"

	"detnas/core/seed"
)

func photo(b *testing.B) string {
	b.Helper()
	return filepath.Join(shared(b, "bccd"), "images", "BloodImage_00001.jpg")
}

func BenchmarkDecode640x480(b *testing.B) {
	path := photo(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(path, DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResizeBilinear640x480To320(b *testing.B) {
	img, err := Decode(photo(b), DecodeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	w, h := Scale{Short: 320, Max: 480}.Fit(img.W, img.H)
	b.ReportAllocs()
	for b.Loop() {
		ResizeBilinear(img, w, h)
	}
}

func BenchmarkRandomResizedCrop224(b *testing.B) {
	img, err := Decode(photo(b), DecodeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	rng := seed.Rand(1, "bench")
	b.ReportAllocs()
	for b.Loop() {
		ResizeAntialias(img, randomPart(rng, img.W, img.H, cropMinShare), 224, 224)
	}
}

func BenchmarkJitter224(b *testing.B) {
	img, rng := pattern(224, 224), seed.Rand(1, "bench")
	b.ReportAllocs()
	for b.Loop() {
		PublishedJitter().apply(img, rng)
	}
}

func BenchmarkDetTrainBatch2x320(b *testing.B) {
	set, _, err := OpenCOCO(filepath.Join(shared(b, "bccd"), "train.json"), "", COCOOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for name, budget := range map[string]int64{"decoding": 0, "cached": 256 << 20} {
		b.Run(name, func(b *testing.B) {
			src, err := NewDetTrain(set, DetTrainOptions{
				SourceOptions: SourceOptions{Cache: NewCache(budget)},
				Sampling:      Sampling{Seed: 1, Step: "bench", Batch: 2},
				Scales:        []Scale{{Short: 320, Max: 480}}, Flip: 0.5,
			})
			if err != nil {
				b.Fatal(err)
			}
			if budget > 0 {
				for i := range src.Iterations() {
					if _, err := src.Batch(b.Context(), i); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportAllocs()
			for i := int64(0); b.Loop(); i++ {
				if _, err := src.Batch(b.Context(), i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkClassTrainBatch64x32(b *testing.B) {
	set, err := OpenFolder(filepath.Join(shared(b, "cifar10"), "val"))
	if err != nil {
		b.Fatal(err)
	}
	for _, crop := range []CropMode{CropResized, CropPad} {
		b.Run(string(crop), func(b *testing.B) {
			src, err := NewClassTrain(set, ClassTrainOptions{
				SourceOptions: SourceOptions{Cache: NewCache(64 << 20)},
				Sampling:      Sampling{Seed: 1, Step: "bench", Batch: 64},
				Size:          32, Crop: crop, Flip: 0.5, Jitter: PublishedJitter(),
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := int64(0); b.Loop(); i++ {
				if _, err := src.Batch(b.Context(), i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
