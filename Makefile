# One list of commands; CI runs the same targets. Every target sets the checkout up first (a second start does no set-up work).
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins
export PYTHONWARNINGS := ignore
# Airflow imports a thousand modules: compiling them anew in every process would double every start.
unexport PYTHONDONTWRITEBYTECODE
# Local AWS and the stack answer on this machine: a proxy that the shell names has no part in that.
comma := ,
unproxied := $(or $(no_proxy),$(NO_PROXY))
export no_proxy := $(if $(filter *,$(unproxied)),*,127.0.0.1,localhost$(addprefix $(comma),$(unproxied)))
export NO_PROXY := $(no_proxy)

PYTHON := $(shell for p in python3.12 python3.11 python3.13 python3 python; do \
  $$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
AIRFLOW := .local/envs/airflow/bin/python
LOCAL_AWS := .local/envs/aws/bin/python
ITEMS ?= 5000
DAG ?= campaign_hourly
ADVANCE ?= 3600
TRAFFIC ?= 1
DAGS ?=

.PHONY: help setup run test test-fast test-deep bench bundle deploy destroy lint local-aws dag clock up down screenshots

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## environments, jars and Java into .local (every other target does this first)
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is missing: install one (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m include.laptop.setup

run: setup ## the main job end to end: DynamoDB to Athena under Airflow, with real rows (ITEMS=5000)
	@$(AIRFLOW) -m include.laptop.run --items $(ITEMS)

local-aws: setup ## local AWS in the foreground with the stack deployed; writes .local/aws.env (CLOCK=<iso with offset> starts in the past)
	@$(AIRFLOW) -m include.laptop.local_aws $(if $(CLOCK),--clock '$(CLOCK)')

dag: setup ## one DAG once against the running local AWS (DAG=campaign_hourly, START=<iso with offset> END=<the same>, CONF=<params as JSON>)
	@$(AIRFLOW) -m include.laptop.dag $(DAG) $(if $(START),--start '$(START)') $(if $(END),--end '$(END)') $(if $(CONF),--conf '$(CONF)')

clock: setup ## move the running local AWS's clock forward (ADVANCE=3600, seconds)
	@$(AIRFLOW) -m include.laptop.clock --advance $(ADVANCE)

up: setup ## Airflow's UI and scheduler on local AWS, with a past and live writes (TRAFFIC=0 for none, DAGS=<folder> with your own)
	@$(AIRFLOW) -m include.laptop.stack up --traffic $(TRAFFIC) $(if $(DAGS),--dags "$(DAGS)")

down: setup ## end what `make up` started
	@$(AIRFLOW) -m include.laptop.stack down

screenshots: setup ## pictures of the running stack in a real browser, into docs/images
	@$(AIRFLOW) -m include.laptop.stack.browser screenshots

test: setup ## all tests but the long ones (8 minutes at most)
	@$(AIRFLOW) -m include.laptop.tests test

test-fast: setup ## tests without Spark and without servers (60 seconds at most)
	@$(AIRFLOW) -m include.laptop.tests fast

test-deep: setup ## the long tests: drawn histories, killed processes, the running stack and a browser (three quarters of an hour)
	@$(AIRFLOW) -m include.laptop.tests deep

bench: setup ## the benchmarks into docs/benchmarks.md (FULL=1 for ten million rows, ONLY=a,b for some)
	@$(PYTHON) -m include.laptop.setup.extras bench
	@$(AIRFLOW) -m include.laptop.bench $(if $(FULL),--full) $(if $(ONLY),--only $(ONLY))

bundle: setup ## all that is deployed, into dist/, each file named by its content
	@$(AIRFLOW) -m include.deploy.dist

deploy: setup ## one declared environment to this checkout (ENV=<name of include/infra/environments.toml>, DRY_RUN=1, PIPELINE=)
	@$(AIRFLOW) -m include.deploy deploy --env "$(ENV)" $(if $(DRY_RUN),--dry-run) $(if $(PIPELINE),--pipeline $(PIPELINE))

destroy: setup ## take its stacks away, data stays (ENV=; DELETE_DATA=1 CONFIRM=<bucket> PIPELINE= deletes one's data too)
	@$(AIRFLOW) -m include.deploy destroy --env "$(ENV)" $(if $(DELETE_DATA),--delete-data --confirm "$(CONFIRM)") $(if $(PIPELINE),--pipeline $(PIPELINE))

lint: setup ## ruff, mypy, import-linter; cfn-lint and checkov on the template
	@$(PYTHON) -m include.laptop.setup.extras lint
	@$(AIRFLOW) -m ruff check .
	@$(AIRFLOW) -m ruff format --check .
	@$(AIRFLOW) -m mypy include/dynamo_lake include/stream_capture include/deploy include/laptop plugins dags glue_scripts
	@$(LOCAL_AWS) -m mypy include/local_aws
	@.local/envs/airflow/bin/lint-imports
	@.local/envs/infra/bin/cfn-lint include/infra/pipeline.yaml
	@.local/envs/infra/bin/checkov -f include/infra/pipeline.yaml --framework cloudformation --skip-download --compact --quiet
