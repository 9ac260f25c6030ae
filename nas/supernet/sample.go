package supernet

import (
	"detnas/core/seed"
	"detnas/nas"
)

// SamplePath draws the subnet that iteration of step trains: uniform over the
// space's choices, each block by itself (DetNAS, section 3.1). The same space,
// root seed, step and iteration give the same path, whatever was drawn before.
func SamplePath(space nas.Space, root uint64, step string, iteration int) nas.Subnet {
	return nas.Random(space, seed.Rand(root, "path", step, iteration))
}
