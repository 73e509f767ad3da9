# Everything a newcomer types.  The work is done by Meson and the scripts in tools/.
BUILD ?= build

.PHONY: run build test test-clis bench fuzz release fmt lint setup clean

run: build            ## install what is missing, build, start on loopback with a fresh data directory
	@tools/run $(BUILD)

build: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) -Dtests=false >/dev/null
	@ninja -C $(BUILD) gproxy

test:                 ## the same set-up, then every test; ends with "N passed, N failed"
	@tools/setup test
	@tools/test $(ONLY)

test-clis: build      ## the vendors' agent CLIs from npm (900 MB) through gproxy; not part of `make test`
	@tools/setup test
	@GPROXY_BIN=$(abspath $(BUILD))/gproxy tests/clis/run

bench:                ## a short benchmark beside nginx; results are printed
	@tools/setup bench
	@bench/run --short

fuzz:                 ## each fuzz target for FUZZ_SECONDS (60)
	@tools/setup test
	@tools/fuzz $(or $(FUZZ_SECONDS),60)

release:              ## one static binary: build-release/gproxy
	@tools/setup build
	@tools/release

fmt:
	@tools/setup lint
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' | xargs clang-format -i

lint:
	@tools/setup lint
	@tools/lint

setup:
	@tools/setup build

clean:
	rm -rf build build-*
