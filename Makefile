# detnas: `make help` lists what there is to do here.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# What the C++ side is built with; see core/native/toolchain.sh. The first call
# installs what is missing.
TOOLCHAIN := set -e; env=$$(core/native/toolchain.sh); eval "$$env";
GO := $(TOOLCHAIN) go
# Packages that compute use every core, so one is tested after the other. All others
# are without cgo, and are tested under the race detector.
COMPUTING := . ./core/native/... ./core/tensor/... ./core/nn/... ./core/train/... ./core/engine/... ./nas/supernet/... ./detector ./bench/...
LINTED := bin/golangci-lint

.PHONY: help setup build demo test kill ranks ranks-search race lint fmt fidelity bench bench-eval bench-ranks bench-ranks-search bench-ranks-evaluations bench-screen scaling interop fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install libtorch and OpenBLAS (apt) and prepare the toolchain
	@core/native/toolchain.sh >/dev/null

build: ## build bin/detnas (the first time about 90 s: gotch's C++ and cgo's pass over it)
	@$(GO) build -o bin/detnas .

demo: build ## run the five steps on shapes that the program draws itself; opens the screen on a terminal
	@bin/detnas run demo

test: ## run the tests
	@$(GO) vet ./...
	@$(GO) test -p 1 -timeout 1h $(COMPUTING)
	@$(MAKE) --no-print-directory race

# DETNAS_KILLS is how many kills land in each step; the seed that it prints, given
# as DETNAS_KILL_SEED, draws the same moments again.
kill: ## kill runs 200 times in each step and compare what they come to (20 min)
	@$(TOOLCHAIN) DETNAS_KILLS=$${DETNAS_KILLS:-200} go test -count=1 -timeout 12h -v -run '^TestKill$$' .

# By DETNAS_RANK_ITERATIONS, the tests of ranks make so many iterations in each step.
ranks: ## compare two and three ranks with one process over 50 iterations of each step, and lose hosts (3 min; root)
	@$(TOOLCHAIN) DETNAS_RANK_ITERATIONS=$${DETNAS_RANK_ITERATIONS:-50} go test -count=1 -timeout 1h -v -run '^TestRanksTrainAsOneProcess$$|^TestRanksOfTwoHosts$$' .

ranks-search: ## search by one, two and three processes with each guide, and lose some (5 min on a busy machine)
	@$(TOOLCHAIN) DETNAS_RANKS_LONG=1 go test -count=1 -timeout 1h -v -run '^TestSearchOverRanks$$' .

race: ## test the packages without cgo under the race detector
	@CGO_ENABLED=1 go test -race -short $$(go list ./... | grep -vxF -f <(go list $(COMPUTING)))

lint: $(LINTED) ## golangci-lint and gofumpt
	@$(TOOLCHAIN) bin/golangci-lint run ./...

fmt: $(LINTED) ## format every file
	@$(TOOLCHAIN) bin/golangci-lint fmt ./...

bin/golangci-lint: .tools/go.mod .tools/go.sum
	cd .tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

fidelity: ## run the tests against PyTorch's and others' values and print the largest differences (docs/fidelity.md)
	@bench/fidelity.sh

bench: build ## time detnas beside PyTorch and torchvision (installs python3-torch by apt)
	@bench/run.sh

bench-eval: build ## time COCO's evaluation beside a Python one (a minute, nearly all of it Python)
	@$(GO) build -o bin/bench-eval ./bench/eval
	@bin/bench-eval

bench-ranks: build ## time two processes of one thread beside one of two, on the demo's supernet (5 min; leave the machine alone)
	@$(GO) build -o bin/bench-ranks ./bench/ranks
	@bin/bench-ranks -pairs 5 -- demo --to 2 $(foreach s,supernet-pretrain supernet-finetune,--set $(s).checkpoint_every=0 --set $(s).eval_every=0) \
		--set supernet-pretrain.iterations=1 --set supernet-finetune.iterations=60 --set supernet-finetune.log_every=10

bench-ranks-search: build ## the same of the search (8 min; leave the machine alone)
	@$(GO) build -o bin/bench-ranks ./bench/ranks
	@bin/bench-ranks -step 3 -pairs 5 -- demo --to 3 --set supernet-pretrain.iterations=1 --set supernet-finetune.iterations=1 \
		--set search.reuse=false --set search.generations=6

bench-ranks-evaluations: build ## the same of evaluations of a subnet's detector (3 min; leave the machine alone)
	@$(GO) build -o bin/bench-ranks ./bench/ranks
	@bin/bench-ranks -step 5 -evaluations -pairs 5 -- demo --from 3 --to 5 --set search.subnet=01-23-0123-01 --set subnet-retrain.iterations=1 \
		--set subnet-finetune.iterations=8 --set subnet-finetune.log_every=1 --set subnet-finetune.eval_every=1 --set subnet-finetune.checkpoint_every=0

bench-screen: build ## time the screen: first frame, bytes, keys, what training pays (10 min)
	@go run ./bench/screen

scaling: ## simulate the search by 1 to 1,024 workers and write the tables of docs/scaling.md
	@CGO_ENABLED=0 go run ./bench/scaling

interop: build ## hold exports against onnxruntime, OpenCV and PyTorch (installs them by npm and apt; 3 min)
	@bench/interop/run.sh

fuzz: ## fuzz every parser for 20 s each
	@bench/fuzz.sh 20s

clean: ## remove what was built
	rm -rf bin
