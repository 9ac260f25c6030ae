package follow

import (
	"errors"
	"image"
	"os"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/run"
)

// What is kept of the preview images: a terminal shows no more.
const (
	mostPictures = 6
	pictureSide  = 320 // px of the longer side
)

// Picture is one preview image, made small, with what is really in it.
type Picture struct {
	run.PreviewImage
	Image image.Image // nil where it cannot be read
	Err   error       // why
}

// Scale is what lengths in px of the image's file are multiplied by to be in px
// of the picture.
func (p Picture) Scale() float64 {
	if p.Image == nil || p.Width <= 0 {
		return 1
	}
	return float64(p.Image.Bounds().Dx()) / float64(p.Width)
}

// Preview is what a subnet found on the preview images, as far as it is kept.
type Preview struct {
	Run      *Run
	Subnet   string
	Classes  []string // by label
	Pictures []Picture
	// Found is what was found, with the supernet's weights and, for the subnet
	// that was trained alone, after its training; either may be missing.
	Found []run.Preview
	Err   error // os.ErrNotExist where the run keeps no previews, or none of the subnet
}

// LoadPreview is the command that reads what is kept of a subnet in short form.
// It brings a Preview.
func LoadPreview(r *Run, subnet string) tea.Cmd {
	folder, known, classes := r.Viewer.Folder(), r.pictures, r.classes
	var opts dataset.DecodeOptions
	if r.Config != nil {
		opts.ApplyEXIF = r.Config.Data.ApplyEXIF
	}
	return func() tea.Msg {
		p := Preview{Run: r, Subnet: subnet, Pictures: known, Classes: classes}
		if known == nil {
			images, err := folder.ReadPreviewImages()
			if err != nil {
				p.Err = err
				return p
			}
			p.Classes = images.Classes
			for _, image := range images.Images[:min(len(images.Images), mostPictures)] {
				p.Pictures = append(p.Pictures, picture(image, opts))
			}
		}
		for _, step := range []int{config.StepSubnetFinetune, config.StepSearch} {
			found, err := folder.ReadPreview(step, subnet)
			switch {
			case err == nil:
				p.Found = append(p.Found, found)
			case p.Err == nil || !errors.Is(err, os.ErrNotExist):
				p.Err = err
			}
		}
		if len(p.Found) > 0 && errors.Is(p.Err, os.ErrNotExist) {
			p.Err = nil
		}
		return p
	}
}

// Keep keeps the pictures of a preview for the next ones: they are the run's.
// Those that could not be read are tried again.
func (r *Run) Keep(p Preview) {
	for _, picture := range p.Pictures {
		if picture.Err != nil {
			return
		}
	}
	if len(p.Pictures) > 0 {
		r.pictures, r.classes = p.Pictures, p.Classes
	}
}

// picture reads a preview image and makes it small.
func picture(info run.PreviewImage, opts dataset.DecodeOptions) Picture {
	out := Picture{PreviewImage: info}
	m, err := dataset.Decode(info.Path, opts)
	if err != nil {
		out.Err = err // it names the file
		return out
	}
	out.Width, out.Height = m.W, m.H
	w, h := m.W, m.H
	if longer := max(w, h); longer > pictureSide {
		w, h = max(w*pictureSide/longer, 1), max(h*pictureSide/longer, 1)
	}
	small := dataset.ResizeAntialias(m, dataset.Rect{W: m.W, H: m.H}, w, h)
	rgba := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(rgba.Pix[4*i:], small.Pix[3*i:3*i+3])
		rgba.Pix[4*i+3] = 0xff
	}
	out.Image = rgba
	return out
}
