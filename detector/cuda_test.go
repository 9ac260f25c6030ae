package detector

import (
	"testing"

	"detnas/core/tensor"
)

// device is where the tests against reference values compute.
var device = tensor.CPU

// TestOnCUDA holds a CUDA device against the same reference values, in the same
// tolerances: it computes float in full, not in TF32.
func TestOnCUDA(t *testing.T) {
	if tensor.Describe().CUDA == 0 {
		t.Skip("there is no CUDA device here")
	}
	device = 0
	t.Cleanup(func() { device = tensor.CPU })
	if err := tensor.Repeatable(device); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]func(*testing.T){
		"TestFasterRCNNStepAgainstTorchvision":       TestFasterRCNNStepAgainstTorchvision,
		"TestFasterRCNNDetectionsAgainstTorchvision": TestFasterRCNNDetectionsAgainstTorchvision,
		"TestRoIAlignAgainstTorchvision":             TestRoIAlignAgainstTorchvision,
		"TestNeckAgainstTorchvision":                 TestNeckAgainstTorchvision,
		"TestRPNAgainstReference":                    TestRPNAgainstReference,
		"TestRoILossAgainstReference":                TestRoILossAgainstReference,
		"TestBoxHeadAgainstTorchvision":              TestBoxHeadAgainstTorchvision,
		"TestDetectionsAgainstReference":             TestDetectionsAgainstReference,
		"TestRetinaNetStepAgainstTorchvision":        TestRetinaNetStepAgainstTorchvision,
		"TestRetinaNetDetectionsAgainstTorchvision":  TestRetinaNetDetectionsAgainstTorchvision,
		"TestRetinaLossAgainstReference":             TestRetinaLossAgainstReference,
		"TestHigherLevelsAgainstTorch":               TestHigherLevelsAgainstTorch,
	} {
		t.Run(name, test)
	}
}
