# Tollkeeper. `make help` lists what there is; every target first checks its tools.
export CGO_ENABLED = 0
.DEFAULT_GOAL := help
# Every target is a command, none a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:/ {print $$1}' $(firstword $(MAKEFILE_LIST)))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check-tools: ## print every tool that is needed: found, needed, remedy
	@tools/check-tools demo

engine: check-tools ## fetch the ClickHouse engine into your cache folder (once)
	@tools/build ./internal/embedded/clickhouse/fetch bin/fetch-engine
	@bin/fetch-engine

build: check-tools ## build bin/tollkeeper
	@tools/build ./cmd/tollkeeper bin/tollkeeper

demo: engine build ## see the product do its main job, about two minutes after the build
	@bin/tollkeeper demo

demo-check: engine build ## the same for machines: a table, a verdict, an exit code (JSON=1 for JSON)
	@bin/tollkeeper demo --for 60s --check $(if $(JSON),--json)

up: engine build ## run the whole product here
	@bin/tollkeeper up

test: engine ## the tests: no root, Java, Python or browser
	go test -timeout 25m ./...

test-all: engine ## test, and what needs npm, Python, curl, Java, Maven, Chromium, Prometheus and Alertmanager
	@tools/check-tools test-all
	go test -timeout 25m ./...
	tools/test-added

test-kafka: engine ## collector, Kafka and ingest against real Apache Kafka: a broker that dies, three that lose a leader (Java 17, mvn)
	@tools/check-tools test-kafka
	go test -timeout 25m -tags testall ./internal/app -run ApacheKafka -count=1 -v

ocb: check-tools ## build the collector with ocb from collector/manifest.yaml, validate its configuration, send a span through it
	go test -tags testall ./collector -run OCB -count=1 -v

metadata: check-tools ## write the collector components' generated code, tests and documentation again from their metadata.yaml
	@go build -modfile=tools/go.mod -o bin/mdatagen go.opentelemetry.io/collector/cmd/mdatagen
	@for m in collector/*/metadata.yaml; do bin/mdatagen $$m || exit 1; done

race: engine ## the packages with concurrency under Go's race detector, without the searches of models, which have none (a C compiler; PKG=./ingest: that one)
	@command -v gcc >/dev/null || command -v clang >/dev/null || { echo "the race detector needs a C compiler: install gcc" >&2; exit 1; }
	CGO_ENABLED=1 go test -race -timeout 60m -skip '^TestModel(Of|Needs|Finds|Reads|Claims)' $(or $(PKG),./gateway/... ./pricing/... ./collector/... ./ingest/... ./alerts/... ./rollup/... ./dashboards/figures ./dashboards/report/... ./dashboards/viewer ./internal/embedded/... ./internal/telemetry ./internal/app ./cmd/...)

fuzz: check-tools ## every fuzz target for TIME=60s with one worker, one after the other (NAME=pricing/FuzzRate: that one)
	@tools/fuzz $(or $(TIME),60s) $(NAME)

accuracy: check-tools ## recordings of real instrumentations: billed beside ours (FULL=1: every case; JSON=1)
	@tools/build ./internal/accuracy/show bin/accuracy
	@bin/accuracy $(if $(JSON),--json,$(if $(FULL),--full))

settle: check-tools ## recorded calls that several instrumentations report: which report stands, and is it the bill (JSON=1)
	@tools/build ./internal/accuracy/show bin/accuracy
	@bin/accuracy --settled $(if $(JSON),--json)

books: engine ## a month's books: late calls, a price cut, re-rates, a close, a reopened twin; every total against plain Go (SEED=n; SCRIPT=20: so many acts in a random order; JSON=1)
	@tools/build ./internal/books/show bin/books
	@bin/books $(if $(SEED),--seed $(SEED)) $(if $(SCRIPT),--script $(SCRIPT) --calls 150) $(if $(JSON),--json)

scenarios: check-tools ## the alert rules on hard made-up series: precision, recall, delay, false pages (JSON=1)
	@tools/build ./internal/scenarios/show bin/scenarios
	@bin/scenarios $(if $(JSON),--json)

chaos: engine ## break every part under load, ROUNDS=10 times, and check that nothing is lost (SEED=n replays, RESUME=1 goes on, DIR=, JSON=1)
	@tools/build ./internal/chaos/run bin/chaos
	@bin/chaos --rounds $(or $(ROUNDS),10) $(if $(SEED),--seed $(SEED)) $(if $(DIR),--dir $(DIR)) $(if $(RESUME),--resume)

viewer: ## build the viewer's page from its sources into dashboards/viewer/dist (Node)
	cd dashboards/viewer/web && npm ci --ignore-scripts --no-audit --no-fund && npm run build

shots: engine ## pictures of every page and dashboard in Chromium, of an hour and of a month, into bin/pictures, checked as they are taken
	@tools/check-tools test-all
	TOLLKEEPER_PICTURES=$(CURDIR)/bin/pictures go test -timeout 40m -tags testall ./dashboards/viewer -run 'TestPagesInABrowser/(full|hour)$$' -count=1 -v

reaction: engine ## from a call that crosses a budget to the gateway's 2xx, by stage, under load (SPIKES=100 RATE=5000; JSON=1)
	@tools/build ./internal/reaction/show bin/reaction
	@bin/reaction --spikes $(or $(SPIKES),100) --rate $(or $(RATE),5000)

lint: check-tools ## gofmt, vet, staticcheck
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...

fmt: ## format the Go code
	@git ls-files '*.go' | xargs gofmt -w

catalogue: check-tools ## write the generated price files again from the pinned public catalogues (Python)
	@tools/check-tools record
	@tools/build ./pricing/catalogue/make bin/make-catalogue
	@pricing/catalogue/make/facts bin/catalogue
	@bin/make-catalogue bin/catalogue
	@bin/catalogue/env/bin/python pricing/catalogue/make/usages.py bin/catalogue bin/catalogue/usages.tsv
	@tools/build ./internal/second/show bin/second-opinion
	@bin/second-opinion --update bin/catalogue

second-opinion: check-tools ## where our prices and others' catalogues disagree, whose side we take and why (JSON=1)
	@tools/build ./internal/second/show bin/second-opinion
	@bin/second-opinion $(if $(JSON),--json)

first-steps: engine ## the snippets of the viewer's page First steps, each with real packages against a model server (LiteLLM too; Python, Node)
	@tools/check-tools record
	FIRST_STEPS=all go test -timeout 25m -tags testall ./internal/app -run TestFirstSteps -count=1 -v

record: ## record the spans of real instrumentations again (Python, Node)
	@tools/check-tools record
	collector/genai/record/run

isolation: engine ## a tenant's database user tries to see another's rows in 78 ways, on both sides; and again without what holds it, which has to leak
	go test ./internal/isolation -count=1 -v

bench-dashboards: engine ## every panel's p50 and p95, rows read and CPU, over 100,000,000 calls (CALLS=n; DIR= keeps them, ONLY=spend/; JSON=1)
	@tools/build ./bench/dashboards bin/bench-dashboards
	@bin/bench-dashboards $(if $(CALLS),--calls $(CALLS)) $(if $(DIR),--dir $(DIR)) $(if $(ONLY),--only $(ONLY))

bench-rollup: engine ## one minute at 5,000 calls/s, its hour (10 million calls) and day: time, memory, rows, and that history doesn't matter (ONLY=minute; JSON=1)
	@tools/build ./bench/rollup bin/bench-rollup
	@bin/bench-rollup $(if $(ONLY),--only $(ONLY))

bench-up: engine build ## `tollkeeper up` as a newcomer meets it: a call is seen how soon after the start, memory and CPU while idle (JSON=1)
	@tools/build ./bench/up bin/bench-up
	@bin/bench-up

bench-ingest: check-tools engine ## a backlog of calls into the database: speed beside the engine's own and contrib's exporter, CPU by stage, memory (JSON=1)
	@tools/build ./bench/ingest bin/bench-ingest
	go build -C bench/collector -o ../../bin/bench-collector .
	@bin/bench-ingest; own=$$?; bin/bench-collector -only store && exit $$own

bench-storage: engine ## ways to store the reports: bytes, speed of inserts, every query that reads them, over CALLS=20000000 (LAYOUTS=all; JSON=1)
	@tools/build ./bench/storage bin/bench-storage
	@bin/bench-storage $(if $(CALLS),--calls $(CALLS)) $(if $(LAYOUTS),--layouts "$(LAYOUTS)")

storage-year: engine ## a year of small days in three tiers, cold in a bucket: every part on its disk, readable, cheaper (JSON=1)
	@tools/build ./internal/year/show bin/storage-year
	@bin/storage-year

bench-collector: check-tools ## the collector against contrib's processors and a plain pipeline, side by side, about eight minutes (JSON=1)
	go build -C bench/collector -o ../../bin/bench-collector .
	@bin/bench-collector

clean: ## remove what was built
	rm -rf bin dist
