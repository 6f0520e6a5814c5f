# Everything that is done with Sluice, by name. `make` alone lists it.
#
# Each target does the set-up it needs: Python tools go into .venv (infra/setup/setup.sh), cargo's tools into
# target/tools (infra/checks/tools.sh), both pinned and made once. What has to be there already is Rust (rustup.rs),
# Python 3.10 or newer, and a C compiler; a target that misses one says so.

CARGO ?= cargo
PYTHON ?= python3
export CARGO PYTHON

# What AWS runs: every crate directly under functions/, and the processor it is built for (arm64 or x86_64).
FUNCTIONS := $(notdir $(patsubst %/Cargo.toml,%,$(wildcard functions/*/Cargo.toml)))
ARCH ?= arm64
TARGET = $(if $(filter arm64,$(ARCH)),aarch64,$(ARCH))-unknown-linux-gnu

# By this variable development builds find faults to make; what is deployed doesn't know it.
FAULTS_VARIABLE = SLUICE_FAULTS_FILE

# The lock file is the truth: a build never changes it in passing.
CARGO_FLAGS ?= --locked
# For the test programs, after `--`: make test TEST_ARGS='--nocapture poison'
TEST_ARGS ?=
# For how long `make fuzz` tries, in seconds.
SECONDS = 30

LINT_BIN = .venv/lint/bin
# SAM would send usage data, and asks for a Region even where it only reads a file.
SAM = SAM_CLI_TELEMETRY=0 PATH="$(CURDIR)/$(LINT_BIN):$$PATH" AWS_DEFAULT_REGION="$${AWS_DEFAULT_REGION:-us-east-1}" $(LINT_BIN)/sam
# What is deployed how: a section of samconfig.toml. In CI there is no one to ask: CONFIRM=no.
STAGE ?= dev
CONFIRM ?= yes
DEPLOY = $(LINT_BIN)/python -B infra/deploy/deploy.py
# Runs a command, and fails if it leaves something in the temporary folder.
TIDY = infra/checks/tidy.sh
# Python leaves no __pycache__ behind.
PY = $(PYTHON) -B
say = @printf '\n== %s\n'

.DEFAULT_GOAL := help
# Cargo uses every core by itself, and waits for its own lock.
.NOTPARALLEL:

.PHONY: help
help: ## List the targets
	@echo 'Usage: make TARGET [NAME=value ...]'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

# --- The local AWS ---------------------------------------------------------------------------------------------------

.PHONY: run
run: need-rust need-cc need-python ## Deploy template.yaml into a local AWS, send sample traffic, print deliveries until Ctrl-C [PORT=4566] [TRAFFIC=renewals|outage|none]
	@infra/setup/setup.sh local
	@$(CARGO) run -q $(CARGO_FLAGS) -p sluice-local -- run $(if $(PORT),--port '$(PORT)') \
		$(if $(TRAFFIC),--traffic '$(TRAFFIC)') $(ARGS)

.PHONY: send
send: need-rust need-cc ## Sign and post a sample event to it: EVENT=customer.created [TIMES=3] [FILE=my.json] [ENDPOINT=connect]
	@test -n '$(EVENT)$(FILE)' || { echo "Say which: make send EVENT=customer.created. The samples:" >&2; \
		ls tests/events/stripe | sed 's/\.json$$//; s/^/  /' >&2; exit 2; }
	@$(CARGO) run -q $(CARGO_FLAGS) -p sluice-local -- send $(if $(EVENT),--event '$(EVENT)') $(if $(TIMES),--times '$(TIMES)') \
		$(if $(FILE),--file '$(FILE)') $(if $(ENDPOINT),--endpoint '$(ENDPOINT)')

.PHONY: show
show: need-rust need-cc ## Print a ledger entry or a projection of it: ID=evt_... or ID=sub_... [JSON=1]
	@test -n '$(ID)' || { echo "Say which: make show ID=evt_... (or an object's id)" >&2; exit 2; }
	@$(CARGO) run -q $(CARGO_FLAGS) -p sluice-cli -- show '$(ID)' $(if $(JSON),--json)

# Built with the features of the whole workspace, as the functions are: for itself alone the AWS SDK would be compiled again.
.PHONY: chaos
chaos: need-rust need-cc need-python ## Deliver a simulated Stripe's events while everything fails, then compare [SEED=1] [EVENTS=1000] [MINUTES=10]
	@infra/setup/setup.sh local
	@$(CARGO) build -q $(CARGO_FLAGS) --workspace --bin sluice-chaos --bin sluice
	@"$${CARGO_TARGET_DIR:-target}/debug/sluice-chaos" $(if $(SEED),--seed '$(SEED)') $(if $(EVENTS),--events '$(EVENTS)') \
		$(if $(MINUTES),--minutes '$(MINUTES)') $(ARGS)

.PHONY: cost
cost: need-rust need-cc need-python ## Measure a run and print what a million events cost, and what has to be raised for more [EVENTS=1000] [ARGS='--batch 3']
	@infra/setup/setup.sh local
	@$(CARGO) run -q $(CARGO_FLAGS) -p sluice-cost -- $(if $(EVENTS),--events '$(EVENTS)') $(ARGS)

# As chaos: with the features of the whole workspace.
.PHONY: scale
scale: need-rust need-cc ## Measure what list, sweep and replay take of AWS over growing ledgers; fails if flat isn't flat [ENTRIES=1000,10000,100000,1000000]
	@$(CARGO) build $(CARGO_FLAGS) --workspace --bin sluice-scale --bin sluice
	@"$${CARGO_TARGET_DIR:-target}/debug/sluice-scale" $(if $(ENTRIES),--entries '$(ENTRIES)') $(ARGS)

# --- Checks ----------------------------------------------------------------------------------------------------------

# Every step takes the whole workspace, so that all of them share one build. A test that leaves something in the temporary
# folder has failed.
.PHONY: test
test: need-rust need-cc need-python ## Run every test, the deployed ones on a local AWS included [TEST_ARGS='--nocapture name']
	$(say) 'Python tools for the local AWS, and to transform the template'
	@infra/setup/setup.sh local lint
	$(say) 'Unit, property and contract tests'
	@$(TIDY) $(CARGO) test $(CARGO_FLAGS) --workspace --lib --bins -- $(TEST_ARGS)
	$(say) 'Examples in the documentation'
	@$(TIDY) $(CARGO) test $(CARGO_FLAGS) --workspace --doc
	$(say) 'The model, and the functions as deployed on a local AWS (tests/it)'
	@$(TIDY) $(CARGO) test $(CARGO_FLAGS) --workspace --test '*' -- $(TEST_ARGS)
	$(say) 'A domain more: what infra/docs/adding-a-domain.md says, in a copy'
	@$(TIDY) $(LINT_BIN)/python -B infra/generate/follow_page.py
	$(say) 'All tests passed'

.PHONY: generate
generate: need-python ## Write what follows from the list of domains: their blocks of the templates, and other lists of them
	@$(PY) infra/generate

# Of the binaries that `make test` has built: the features of the whole workspace, once more.
BROWSER_BINARIES = $(addprefix --bin ,sluice sluice-local $(FUNCTIONS))
TRY_IN_BROWSER = $(TIDY) .venv/browser/bin/python -B infra/console/browser

.PHONY: browser
browser: need-rust need-cc need-python ## Try every page of the console in headless Chromium, on a local stack [NAMES='phone axe']
	@infra/setup/setup.sh local browser
	@$(CARGO) build -q $(CARGO_FLAGS) --workspace $(BROWSER_BINARIES)
	@$(TRY_IN_BROWSER) $(NAMES)

.PHONY: screenshots
screenshots: need-rust need-cc need-python ## Take a picture of each page of the console into target/screenshots, and the one of the README
	@infra/setup/setup.sh local browser
	@$(CARGO) build -q $(CARGO_FLAGS) --workspace $(BROWSER_BINARIES)
	@$(TRY_IN_BROWSER) --screenshots

# In the test program that `make test` has built: the features of the whole workspace, once more.
.PHONY: conformance
conformance: need-rust need-cc need-python ## Run the adapters' contract suites on a second emulated DynamoDB (moto)
	@infra/setup/setup.sh moto
	@$(TIDY) .venv/moto/bin/python -B infra/checks/conformance.py

.PHONY: lint
lint: need-rust need-cc need-python ## Check format, clippy, docs, licences, unused dependencies, directions, samples, template
	$(say) 'Format'
	@$(CARGO) fmt --all --check
	$(say) 'The lock files of what is no member of the workspace'
	@for manifest in functions/shared/stripe/fuzz/Cargo.toml infra/lab/bench/peers/*/Cargo.toml; do \
		$(CARGO) update --quiet --workspace --locked --manifest-path "$$manifest" || exit 1; \
	done
	$(say) 'Directions: which crate may name which; no circle between modules'
	@$(PY) infra/checks/directions.py
	@$(PY) infra/checks/circles.py
	$(say) 'What follows from the list of domains is what make generate writes'
	@$(PY) -m unittest discover --quiet --start-directory infra/generate
	@$(PY) infra/generate --check
	@$(PY) infra/generate/lists.py
	$(say) 'Runbooks: one for each code and alarm'
	@$(PY) infra/checks/runbooks.py
	$(say) 'What the pages name is there, and is said in plain words'
	@$(PY) infra/checks/pages.py
	@$(PY) infra/checks/words.py
	$(say) 'The compiler that releases are made with'
	@$(PY) infra/checks/toolchain.py
	$(say) 'Licences, bans, sources (cargo-deny); unused dependencies (cargo-machete)'
	@infra/checks/tools.sh
	@target/tools/bin/cargo-deny $(CARGO_FLAGS) --log-level error check bans licenses sources
	@target/tools/bin/cargo-machete --skip-target-dir functions infra tests
	$(say) 'GitHub: workflows, actions, updates of what is pinned (zizmor, schemas)'
	@infra/setup/setup.sh lint workflows
	@$(LINT_BIN)/python -B infra/checks/check_workflows.py
	$(say) 'What make deploy, make release and the checks refuse; the bill of materials'
	@$(LINT_BIN)/python -B -m unittest discover --quiet --start-directory infra/deploy
	@$(LINT_BIN)/python -B -m unittest discover --quiet --start-directory infra/checks
	$(say) 'The templates: cfn-lint as written and as transformed, sam validate, checkov, our own rules; commands of the AWS CLI'
	@infra/setup/setup.sh lint checkov
	@$(LINT_BIN)/python -B infra/checks/check_template.py
	@$(LINT_BIN)/python -B infra/checks/check_commands.py
	@$(SAM) validate --lint
	@$(SAM) validate --lint --template functions/notify/template.yaml
	@.venv/checkov/bin/checkov --config-file infra/checks/checkov.yaml
	@$(CARGO) test -q $(CARGO_FLAGS) -p sluice-template
	$(say) 'Clippy'
	@$(CARGO) clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	$(say) 'Sample events are what the simulated Stripe sends'
	@$(CARGO) build -q $(CARGO_FLAGS) --workspace --bin samples
	@"$${CARGO_TARGET_DIR:-target}/debug/samples" --check
	$(say) 'Documentation'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc -q $(CARGO_FLAGS) --workspace --no-deps
	$(say) 'Nothing to complain about'

.PHONY: advisories
advisories: need-rust need-cc ## Check dependencies against RustSec's advisories (fetches its database from GitHub)
	@infra/checks/tools.sh
	@target/tools/bin/cargo-deny $(CARGO_FLAGS) check advisories

.PHONY: sbom
sbom: need-rust need-python ## Write a bill of materials of what AWS runs and of the console's files of others (CycloneDX) to target/sbom
	@$(PY) infra/deploy/sbom.py

.PHONY: fuzz
fuzz: need-rust need-cxx ## Fuzz the signature's verification [SECONDS=30]
	@functions/shared/stripe/fuzz/run.sh $(SECONDS)

.PHONY: bench
bench: need-rust need-cc need-python ## Measure the functions beside what teams use, on this machine [QUICK=1] [SCENARIOS=warm-3k,cold-tls] [CONTESTANTS=ours,naive] [ROUNDS=5] [PRIORITY=1]
	@$(if $(PRIORITY),PRIORITY=1) infra/lab/bench/run.sh $(if $(QUICK),--quick) $(if $(SCENARIOS),--scenarios '$(SCENARIOS)') \
		$(if $(CONTESTANTS),--contestants '$(CONTESTANTS)') $(if $(ROUNDS),--rounds '$(ROUNDS)')

# --- AWS -------------------------------------------------------------------------------------------------------------

.PHONY: build
build: need-rust need-cc need-python need-target ## Build the functions as deployed and print their sizes [ARCH=x86_64]
	@infra/setup/setup.sh lint
	@PATH="$(CURDIR)/$(LINT_BIN):$$PATH" cargo-lambda lambda build $(CARGO_FLAGS) --release --target $(TARGET) \
		$(addprefix --bin ,$(FUNCTIONS))
	@! grep -l '$(FAULTS_VARIABLE)' $(patsubst %,target/lambda/%/bootstrap,$(FUNCTIONS)) || { \
		echo 'These take faults by rule, which only development builds may.' >&2; exit 1; }
	@printf '\n%-16s %12s %12s\n' 'function' 'bytes' 'zipped'
	@for name in $(FUNCTIONS); do \
		file=target/lambda/$$name/bootstrap; \
		printf '%-16s %12d %12d\n' "$$name" "$$(wc -c <"$$file")" "$$(gzip -9 -c "$$file" | wc -c)"; \
	done

.PHONY: sam-build
sam-build: need-rust need-cc need-python need-target ## Build as `make deploy` does [STAGE=notify] [FUNCTION=IngestFunction] [ARCH=x86_64]
	@infra/setup/setup.sh lint
	@$(SAM) build $(FUNCTION) --config-env '$(STAGE)' $(if $(filter-out arm64,$(ARCH)),--parameter-overrides Architecture=$(ARCH))

# For arm64, the template's default: another Architecture belongs into samconfig.toml, beside the stage's parameters.
.PHONY: preflight
preflight: need-python ## Say why a deployment can't work: stage, parameters, Region, credentials, stack [STAGE=prod] [PARAMETERS='Name=value ...']
	@infra/setup/setup.sh lint
	@$(if $(RELEASE),$(LINT_BIN)/python -B infra/deploy/from_release.py '$(RELEASE)' '$(STAGE)' $(if $(PARAMETERS),'$(PARAMETERS)'))
	@$(DEPLOY) $(if $(RELEASE),--built) '$(STAGE)' $(if $(PARAMETERS),'$(PARAMETERS)')

# A release is laid where `sam build` would have built, by preflight; no Rust is needed then.
.PHONY: deploy
deploy: preflight $(if $(RELEASE),,sam-build) ## Build, or take a RELEASE=v1.2.3, and deploy it, asking first [STAGE=prod] [PARAMETERS='Name=value Other=@default'] [CONFIRM=no]
	@$(DEPLOY) --go $(if $(filter no,$(CONFIRM)),--yes) '$(STAGE)' $(if $(PARAMETERS),'$(PARAMETERS)')

.PHONY: deploy-built
deploy-built: need-python ## The same with what `make sam-build` has built before, here or in another job of CI
	@infra/setup/setup.sh lint
	@$(DEPLOY) --go $(if $(filter no,$(CONFIRM)),--yes) '$(STAGE)' $(if $(PARAMETERS),'$(PARAMETERS)')

.PHONY: rehearse
rehearse: need-rust need-cc need-python ## Deploy as `make deploy` does, into an AWS on this machine: a failure and its retry, a change, a rollback, two stacks
	@infra/setup/setup.sh lint local
	@$(TIDY) $(LINT_BIN)/python -B infra/deploy/rehearse.py

# Of what this machine can build: on Linux everything for its own or another processor, on macOS the operator's program.
# TAG is the shell's alone, from the environment: make would expand what a tag's name has of `$(...)`.
.PHONY: release
export TAG
release: need-rust need-cc need-python ## Build a release's archives into target/release-archives [ARCH=x86_64] [TAG=v1.2.3]
	@$(PY) infra/deploy/release.py --arch '$(ARCH)' $${TAG:+--tag "$$TAG"} --check
	@if [ "$$(uname -s)" = Darwin ]; then \
		$(CARGO) build $(CARGO_FLAGS) --release --target $(subst -unknown-linux-gnu,-apple-darwin,$(TARGET)) -p sluice-cli; \
	else \
		$(MAKE) --no-print-directory build ARCH='$(ARCH)' && \
		PATH="$(CURDIR)/$(LINT_BIN):$$PATH" cargo-lambda lambda build $(CARGO_FLAGS) --release --target $(TARGET) \
			-p sluice-cli -p sluice-local --bin sluice --bin sluice-local; \
	fi
	@$(PY) infra/deploy/release.py --arch '$(ARCH)' $${TAG:+--tag "$$TAG"}

.PHONY: try-release
try-release: need-python ## Try a release's archives without Rust: of development builds, or of a folder [BUILT=target/release-archives]
	@infra/setup/setup.sh lint local
	@$(TIDY) $(LINT_BIN)/python -B infra/deploy/try_release.py $(BUILT)

.PHONY: smoke
smoke: need-rust need-cc ## Try a deployed endpoint: URL=https://…/webhooks/stripe/smoke SECRET=whsec_…, or STACK=sluice-staging [ENDPOINT=smoke]
	@test -n '$(URL)$(STACK)' || { echo "Say which: make smoke URL=https://... SECRET=whsec_..., or make smoke STACK=sluice-staging" >&2; exit 2; }
	@$(if $(SECRET),SLUICE_SMOKE_SECRET='$(SECRET)') $(CARGO) run -q $(CARGO_FLAGS) -p sluice-cli -- $(if $(STACK),--stack '$(STACK)') smoke \
		$(if $(URL),--url '$(URL)',--endpoint '$(or $(ENDPOINT),smoke)')

.PHONY: sources
sources: ## Fetch the addresses of Stripe's webhooks; prints the value of the parameter AllowedSources
	@infra/deploy/sources.sh refresh

.PHONY: dictionary
dictionary: need-rust need-cc ## Print what the dictionary of stored bodies comes to [ID=2 trains a new one] [SIZES=1 compares others]
	@$(CARGO) run -q $(CARGO_FLAGS) -p sluice-dictionary -- $(if $(ID),train --id '$(ID)',$(if $(SIZES),sizes,measure))

# --- House-keeping ---------------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## Remove all that these targets made, the Python environments included
	rm -rf target .aws-sam .venv functions/shared/stripe/fuzz/target

.PHONY: need-rust need-cc need-cxx need-python need-target
need-rust:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing (no $(CARGO)): see https://rustup.rs" >&2; exit 1; }
need-cc:
	@command -v cc >/dev/null || { echo "A C compiler is missing (no cc): on Debian and Ubuntu, apt install build-essential;" \
		"on macOS, xcode-select --install" >&2; exit 1; }
need-cxx: need-cc
	@command -v c++ >/dev/null || { echo "A C++ compiler is missing (no c++), which libFuzzer is built with: on Debian and" \
		"Ubuntu, apt install build-essential" >&2; exit 1; }
need-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "Python 3.10 or newer is missing (tried $(PYTHON); name another with PYTHON=...)" >&2; exit 1; }
need-target:
	@test -d "$$(rustc --print target-libdir --target $(TARGET) 2>/dev/null)" || { \
		echo "Rust's standard library for $(TARGET) is missing: rustup target add $(TARGET)" >&2; exit 1; }
