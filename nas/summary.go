package nas

// Summary is what detnas prints about a subnet. Its JSON form is a contract.
type Summary struct {
	Space      string            `json:"space"`
	Layout     Layout            `json:"layout"`
	Subnet     string            `json:"subnet"` // short form
	Body       BodySummary       `json:"body"`
	Classifier ClassifierSummary `json:"classifier"`
}

// BodySummary counts the stem and the stages: what a detector uses.
type BodySummary struct {
	Params     int64 `json:"params"`
	ConvMACs   int64 `json:"conv_macs"`
	ConvReLU   int64 `json:"conv_relu"`
	ConvReLUBN int64 `json:"conv_relu_bn"`
}

// ClassifierSummary counts the body with the last convolution, the pooling and
// the fully connected layer. ConvMACs holds the fully connected layer too, as
// the official lookup table does.
type ClassifierSummary struct {
	Params    int64 `json:"params"`
	ConvMACs  int64 `json:"conv_macs"`
	MMCVFlops int64 `json:"mmcv_flops"`
}

// Summarise counts a subnet on an image of size in.
//
// MMRazor publishes 3.35M parameters and 0.34G for its searched subnet and
// calls them the backbone's; they are Classifier.Params and
// Classifier.MMCVFlops at 224x224. The body, which a detector uses, has 1.67M
// parameters and 0.29G multiply-adds.
func Summarise(space Space, sub Subnet, in Size) (Summary, error) {
	body, err := space.SubnetCost(sub, ScopeBody, in)
	if err != nil {
		return Summary{}, err
	}
	full := body.Plus(space.HeadCost(in))
	return Summary{
		Space:  space.Name,
		Layout: space.Layout,
		Subnet: sub.Short(space),
		Body: BodySummary{
			Params: body.Params, ConvMACs: body.ConvMACs(), ConvReLU: body.ConvReLU(), ConvReLUBN: body.ConvReLUBN(),
		},
		Classifier: ClassifierSummary{
			Params: full.Params, ConvMACs: full.ConvMACs(), MMCVFlops: full.MMCVFlops(),
		},
	}, nil
}
