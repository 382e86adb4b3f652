# The targets that matter: `make demo` shows what ringplan does, `make test`
# passes the tests. Both need Go, git and make, and nothing else.

GO       ?= go
BIN      := bin
LINTER   := v2.15.0
FUZZTIME ?= 20s
EXAMPLE  := examples/expansion
PEERS    ?= $(CURDIR)/$(BIN)/peers
CRDS     ?= $(TEST_CRDS)
ONLY     ?= .
HELM     := v3.22.0
HELMFILE := v1.8.0

.PHONY: demo test check conformance model lint-go race generated bench bench-peers build install golden fuzz clean

# Plays an expansion from recorded observations, up to a gate that is not open.
demo: build
	PATH="$(CURDIR)/$(BIN):$$PATH" sh $(EXAMPLE)/play.sh

test:
	$(GO) test ./...

# Everything that CI runs.
check:
	bash .ci/run

# Plays scenarios with the real engines, which it builds the first time: see
# cmd/conformance/README.md. CRDS is a folder of real definitions, ONLY an
# expression that the scenarios' names match.
conformance:
	cd cmd/conformance && $(GO) run . -crds "$(abspath $(CRDS))" -only '$(ONLY)'

build:
	$(GO) build -trimpath -o $(BIN)/ ./cmd/ringplan ./cmd/ringplan-charts

install:
	$(GO) install -trimpath ./cmd/ringplan ./cmd/ringplan-charts

# Rewrites every file that tests compare with, and everything generated.
golden:
	$(GO) generate ./...
	UPDATE=1 $(GO) test ./pkg/load ./pkg/observe ./pkg/report
	UPDATE=1 $(GO) test -run "^Test(Golden|Scripts|Broken|Demo)" ./cmd/cli

# Fuzzes each target for FUZZTIME, a duration or a number such as 1000x.
fuzz:
	@set -e; for dir in $$($(GO) list -f '{{.Dir}}' ./...); do \
		for target in $$(grep -shoE '^func Fuzz[[:alnum:]]+' $$dir/*_test.go | sed 's/^func //'); do \
			echo "== $$dir $$target"; \
			(cd $$dir && $(GO) test -vet=off -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x .); \
		done; \
	done

# Prints how time, memory and output grow from 1 to 1,000 regions, and what
# start-up costs.
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Renders the charts of ten regions with ten releases each, and does the same
# with helm template and helmfile, which it builds in PEERS.
bench-peers: $(PEERS)/helm $(PEERS)/helmfile
	RINGPLAN_PEERS="$(PEERS)" $(GO) test -run '^$$' -bench '^Benchmark(Manifests|Peers)' -benchtime 3x -timeout 1h ./cmd/cli

$(PEERS)/helm:
	GOBIN="$(PEERS)" $(GO) install helm.sh/helm/v3/cmd/helm@$(HELM)

# Its replacements make it a module of its own.
$(PEERS)/helmfile:
	mkdir -p "$(PEERS)/module" && cd "$(PEERS)/module" && rm -f go.mod go.sum && $(GO) mod init peers && \
	$(GO) mod edit -require=github.com/helmfile/helmfile@$(HELMFILE) -replace=k8s.io/api=k8s.io/api@v0.35.4 \
		-replace=k8s.io/apimachinery=k8s.io/apimachinery@v0.36.0 -replace=k8s.io/client-go=k8s.io/client-go@v0.35.4 && \
	printf 'package peers\n\nimport _ "github.com/helmfile/helmfile"\n' >peers.go && $(GO) mod tidy -e && \
	$(GO) build -o ../helmfile github.com/helmfile/helmfile

# Walks every state of a rollout for rings of up to four regions, and then takes
# one guard after the other out, and sees the walk fail.
model:
	RINGPLAN_MODEL=full $(GO) test -count=1 -timeout 2h -v -run '^(TestModel|TestMutations)' ./cmd/cli

lint-go:
	$(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTER)
	"$$($(GO) env GOPATH)/bin/golangci-lint" run ./...

# Only packages that run anything at once, and without the real definitions, which
# take long and are read by one goroutine. The command's own tests start a process
# each, but for these.
race:
	TEST_CRDS= $(GO) test -race -vet=off -short $$(grep -rlE '"sync/atomic"|sync\.(Mutex|RWMutex|WaitGroup|Map)|^\s*go (func|[[:alpha:].]+)\(' --include='*.go' pkg | xargs -n 1 dirname | sort -u | sed 's|^|./|')
	$(GO) test -race -vet=off -run '^Test(TwoAdvances|Interrupted|Live)' ./cmd/cli

# Fails if a generated file is not what its source says; tests see to golden files.
generated:
	$(GO) generate ./...
	$(GO) mod tidy -diff
	git diff --exit-code
	@test -z "$$(git status --porcelain)" || { git status --short; exit 1; }

clean:
	rm -rf $(BIN)
