# mod_reqnotes. `make help` lists the targets.

.DEFAULT_GOAL := all
BUILD   ?= build
DESTDIR ?=

CXX     ?= g++
# Not apxs's own flags: those are for C, and an exception must never get into httpd.
CXXFLAGS ?= -O2 -g
APXS    ?= $(firstword $(shell command -v apxs || command -v apxs2) $(wildcard $(BUILD)/unpacked/usr/bin/apxs))
apxs     = $(shell $(or $(APXS),$(error apxs is missing. On Debian: apt-get install g++ apache2-dev libssl-dev)) -q $(1))
once     = $(eval $(1) := $$(call apxs,$(2)))$($(1))
INCLUDEDIR  = $(call once,INCLUDEDIR,INCLUDEDIR)
LIBEXECDIR  = $(call once,LIBEXECDIR,LIBEXECDIR)
SYSCONFDIR  = $(call once,SYSCONFDIR,SYSCONFDIR)
APRINCLUDE  = $(call once,APRINCLUDE,APR_INCLUDEDIR)
EXTRA_FLAGS = $(call once,EXTRA_FLAGS,EXTRA_CPPFLAGS)
STANDARD    = -std=c++20 -Iinclude $(CPPFLAGS)
WARNINGS    = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
HTTPD       = -isystem $(INCLUDEDIR) -isystem $(APRINCLUDE) $(EXTRA_FLAGS)
MODULE      = -fPIC -fstack-clash-protection -fno-exceptions -fno-rtti -fvisibility=hidden $(HTTPD)
LINK        = -shared -Wl,--version-script=$(BUILD)/exports.map -Wl,--as-needed -Wl,-z,now,-z,relro $(LDFLAGS)
LIBS        = -lcrypto
SANITIZE    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# What t/lib/packages.pl could not install.
UNPACKED    = $(CURDIR)/$(BUILD)/unpacked/usr
paths       = $(subst $() ,:,$(wildcard $(UNPACKED)/$(1) $(UNPACKED)/$(1)/*-linux-gnu))
ifneq ($(call paths,include),)
export CPLUS_INCLUDE_PATH := $(call paths,include)
export LIBRARY_PATH       := $(call paths,lib)
endif

HEADERS := $(sort $(wildcard include/reqnotes/*.hpp include/reqnotes/*/*.hpp include/reqnotes/*/*/*.hpp))
GLUE    := $(filter include/reqnotes/httpd/%,$(HEADERS))
PURE    := $(filter-out $(GLUE),$(HEADERS))
UNIT    := $(wildcard tests/*_test.cpp)
FORMAT  := mod_reqnotes.cpp $(PURE) $(GLUE) $(wildcard tests/*.cpp tests/*.hpp t/*/*.cpp t/*/*.hpp)

.PHONY: all
all: $(BUILD)/mod_reqnotes.so  ## build the module

$(BUILD)/mod_reqnotes.so: mod_reqnotes.cpp $(PURE) $(GLUE) Makefile
	@mkdir -p $(BUILD)
	@echo '{ global: reqnotes_module; local: *; };' > $(BUILD)/exports.map
	$(CXX) $(STANDARD) $(WARNINGS) $(MODULE) $(CXXFLAGS) $(LINK) -o $@ mod_reqnotes.cpp $(LIBS)

PLACE = DESTDIR='$(DESTDIR)' BUILD='$(BUILD)' LIBEXECDIR='$(LIBEXECDIR)' SYSCONFDIR='$(SYSCONFDIR)' conf/install.sh

.PHONY: install
install: $(BUILD)/mod_reqnotes.so  ## place the module, reqnotes.load and reqnotes.conf (DESTDIR)
	@$(PLACE) install

.PHONY: uninstall
uninstall:  ## remove what make install placed, but no configuration that was edited (DESTDIR)
	@$(PLACE) uninstall

# In a copy, as dpkg-buildpackage cleans and writes beside its folder.
.PHONY: deb
deb:  ## build the Debian package libapache2-mod-reqnotes
	@dpkg-checkbuilddeps debian/control || { echo 'As root: apt-get build-dep .'; exit 1; }
	@rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/source
	@tar --exclude=./$(BUILD) --exclude=./.git -cf - . | tar -C $(BUILD)/deb/source -xf -
	cd $(BUILD)/deb/source && env -u MAKEFLAGS -u MAKELEVEL -u CPLUS_INCLUDE_PATH -u LIBRARY_PATH dpkg-buildpackage -us -uc -b
	@ls $(BUILD)/deb/*.deb

.PHONY: demo
demo: packages  ## show the main job with real requests (KEEP=1: leave the server running)
	@$(MAKE) --no-print-directory -s all
	@KEEP=$(KEEP) perl -It/lib t/demo.pl

.PHONY: test
test: test-packages  ## run every test
	$(MAKE) --no-print-directory all
	$(MAKE) --no-print-directory -j $(shell nproc) alone unit fuzz-replay
	$(MAKE) --no-print-directory integration
	@echo "unit: $$($(BUILD)/unit/unit_tests --gtest_list_tests | grep -c '^  ') passed, 0 failed"

# Pure code has no way to httpd, and every header includes what it needs.
.PHONY: alone
alone: $(HEADERS:include/reqnotes/%.hpp=$(BUILD)/alone/%)  ## compile each header by itself, pure ones without httpd's and APR's

$(GLUE:include/reqnotes/%.hpp=$(BUILD)/alone/%): WAY_TO_HTTPD = $(HTTPD)
$(BUILD)/alone/%: include/reqnotes/%.hpp $(HEADERS) Makefile
	@mkdir -p $(@D)
	@$(CXX) $(STANDARD) $(WARNINGS) $(WAY_TO_HTTPD) -fsyntax-only -include $< -x c++ /dev/null
	@touch $@

TOOLS   := $(wildcard t/tools/*.t)

.PHONY: test-tools
test-tools: tools-packages  ## test against large software of others (t/tools)
	$(MAKE) --no-print-directory all
	prove -It/lib $(TOOLS)

.PHONY: unit
unit: $(BUILD)/unit/unit_tests  ## run the unit tests under ASan and UBSan
	$< --gtest_brief=1

$(BUILD)/unit/%.o: tests/%.cpp $(PURE) $(GLUE) $(wildcard tests/*.hpp)
	@mkdir -p $(BUILD)/unit
	$(CXX) $(STANDARD) $(WARNINGS) $(SANITIZE) -isystem $(APRINCLUDE) -c -o $@ $<

$(BUILD)/unit/unit_tests: $(UNIT:tests/%.cpp=$(BUILD)/unit/%.o)
	$(CXX) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lgtest -lgtest_main -lapr-1

# Fuzzing needs clang; replaying the corpora does not.
FUZZ    := $(patsubst tests/fuzz/%_fuzz.cpp,%,$(wildcard tests/fuzz/*_fuzz.cpp))
FORMAT  += $(wildcard tests/fuzz/*.cpp tests/fuzz/*.hpp)
FUZZED   = $(PURE) $(wildcard tests/*.hpp tests/fuzz/*.hpp)

.PHONY: fuzz
fuzz: SECONDS ?= 60
fuzz: fuzz-packages  ## fuzz each target for SECONDS (60), side by side
	@$(MAKE) --no-print-directory -s -j $(shell nproc) $(FUZZ:%=$(BUILD)/fuzz/%_fuzz)
	@printf '%s\n' $(FUZZ) | xargs -P $(shell nproc) -I{} tests/fuzz/run.sh $(BUILD)/fuzz {} $(SECONDS)

$(BUILD)/fuzz/%_fuzz: tests/fuzz/%_fuzz.cpp $(FUZZED)
	@mkdir -p $(BUILD)/fuzz
	clang++ $(STANDARD) $(WARNINGS) $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $<

.PHONY: fuzz-replay
fuzz-replay: $(FUZZ:%=$(BUILD)/replay/%)  ## feed the fuzz targets their corpora under ASan and UBSan
	@for stem in $(FUZZ); do \
	  $(BUILD)/replay/$$stem tests/fuzz/corpus/$$stem 2> $(BUILD)/replay/log || \
	    { cat $(BUILD)/replay/log; echo "$$stem: FAILED"; exit 1; }; \
	done

$(BUILD)/replay/%: tests/fuzz/%_fuzz.cpp tests/fuzz/replay.cpp $(FUZZED)
	@mkdir -p $(BUILD)/replay
	$(CXX) $(STANDARD) $(WARNINGS) $(SANITIZE) $(LDFLAGS) -o $@ $< tests/fuzz/replay.cpp

$(BUILD)/faults.so: t/lib/faults.cpp Makefile
	@mkdir -p $(BUILD)
	$(CXX) $(STANDARD) $(WARNINGS) -O1 -fPIC -shared $(LDFLAGS) -o $@ $<

# Counts what the module does, in a build of it that calls a function in each basic block.
$(BUILD)/growth.so: t/lib/growth.cpp Makefile
	@mkdir -p $(BUILD)
	$(CXX) -std=c++20 $(WARNINGS) -O1 -fPIC -shared -o $@ $<

$(BUILD)/growth/mod_reqnotes.so: $(BUILD)/mod_reqnotes.so
	@mkdir -p $(BUILD)/growth
	$(CXX) $(STANDARD) $(WARNINGS) $(MODULE) -O1 -fsanitize-coverage=trace-pc $(LINK) -o $@ mod_reqnotes.cpp $(LIBS)

# As the module is built by default, whatever the flags of the day.
$(BUILD)/encode_cost $(BUILD)/count_cost: $(BUILD)/%: t/lib/%.cpp $(PURE)
	@mkdir -p $(BUILD)
	$(CXX) $(STANDARD) $(WARNINGS) -O2 $(LDFLAGS) -o $@ $<

.PHONY: integration
integration: all $(BUILD)/encode_cost $(BUILD)/count_cost $(BUILD)/faults.so $(BUILD)/growth.so $(BUILD)/growth/mod_reqnotes.so  ## run t/ against a real httpd
	prove -It/lib -j 4 t/

# httpd itself stays as it is, and gets the runtime of a sanitizer by LD_PRELOAD.
# verify_asan_link_order: dlopen.so stands before the runtime. detect_leaks: httpd frees nothing
# when it ends, and a pool is no leak; memcheck.t and `make soak` look for ours.
RUNTIME   = $$($(CXX) -print-file-name=lib$(1).so)
DLOPEN    = $(CURDIR)/$(BUILD)/sanitize/dlopen.so
UNDER_ASAN = REQNOTES_SO=$(BUILD)/sanitize/mod_reqnotes.so \
  REQNOTES_PRELOAD=$(DLOPEN):$(call RUNTIME,asan):$(call RUNTIME,ubsan) \
  ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0:abort_on_error=1 \
  UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1
UNDER_TSAN = REQNOTES_SO=$(BUILD)/sanitize/threads.so \
  REQNOTES_PRELOAD=$(call RUNTIME,tsan):$(CURDIR)/$(BUILD)/sanitize/atomic.so:$(DLOPEN) \
  TSAN_OPTIONS=ignore_noninstrumented_modules=1
# The runtimes need their addresses where a kernel may put something else.
FIXED     = $$(setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: sanitize
sanitize: sanitize-packages  ## run t/ under ASan and UBSan, then TSan and memcheck
	@$(MAKE) --no-print-directory -j $(shell nproc) all $(addprefix $(BUILD)/sanitize/,mod_reqnotes.so threads.so dlopen.so atomic.so undefined.so counting) $(BUILD)/faults.so $(BUILD)/encode_cost $(BUILD)/count_cost
	prove -It/lib t/00-symbols.t
	$(UNDER_ASAN) $(FIXED) prove -It/lib -j 4 $(filter-out t/00-symbols.t,$(wildcard t/*.t))
	$(UNDER_TSAN) $(FIXED) prove -It/lib t/sanitize/threads.t
	$(FIXED) $(BUILD)/sanitize/counting --gtest_brief=1
	prove -It/lib t/sanitize/memcheck.t

# What many threads count in one memory.
$(BUILD)/sanitize/counting: tests/series_test.cpp tests/busiest_test.cpp tests/window_test.cpp tests/published_test.cpp tests/published_flags_test.cpp tests/asked_test.cpp $(PURE) $(wildcard tests/*.hpp)
	@mkdir -p $(BUILD)/sanitize
	$(CXX) $(STANDARD) $(WARNINGS) -O1 -g -fsanitize=thread $(LDFLAGS) -o $@ $(filter %.cpp,$^) -lgtest -lgtest_main

$(BUILD)/sanitize/mod_reqnotes.so: $(BUILD)/mod_reqnotes.so t/sanitize/pool.hpp
	@mkdir -p $(BUILD)/sanitize
	$(CXX) $(STANDARD) $(WARNINGS) $(MODULE) $(SANITIZE) $(LINK) -include t/sanitize/pool.hpp -o $@ mod_reqnotes.cpp $(LIBS)

$(BUILD)/sanitize/threads.so: $(BUILD)/mod_reqnotes.so
	@mkdir -p $(BUILD)/sanitize
	$(CXX) $(STANDARD) $(WARNINGS) $(MODULE) -O1 -g -fsanitize=thread $(LINK) -o $@ mod_reqnotes.cpp $(LIBS)

$(BUILD)/sanitize/dlopen.so: t/sanitize/dlopen.cpp
	@mkdir -p $(BUILD)/sanitize
	$(CXX) $(STANDARD) $(WARNINGS) -O1 -g -fPIC -shared $(LDFLAGS) -o $@ $<

$(BUILD)/sanitize/undefined.so: t/sanitize/undefined.cpp
	@mkdir -p $(BUILD)/sanitize
	$(CXX) $(STANDARD) $(WARNINGS) $(HTTPD) -O1 -g -fPIC -shared $(LDFLAGS) -o $@ $<

$(BUILD)/sanitize/atomic.so: t/sanitize/atomic.cpp
	@mkdir -p $(BUILD)/sanitize
	$(CXX) $(STANDARD) $(WARNINGS) $(HTTPD) -O1 -g -fsanitize=thread -fPIC -shared $(LDFLAGS) -o $@ $<

.PHONY: fresh
fresh:  ## both commands on new systems of SUITE=bookworm or trixie, one with Apache (needs root, debootstrap)
	t/lib/fresh.sh $(or $(SUITE),$(error SUITE=bookworm or SUITE=trixie)) $(BUILD)/fresh $(VARIANT)

.PHONY: soak
soak: SECONDS ?= 600
soak: test-packages  ## mixed load for SECONDS (600) over restarts (REQNOTES=off: without the module)
	@$(MAKE) --no-print-directory -s all
	SECONDS=$(SECONDS) REQNOTES=$(REQNOTES) perl -It/lib t/soak.pl

.PHONY: cost performance throughput
cost: cost-packages  ## count what a request costs, and fail above a bound (ONLY=regex, SVG=file)
	@$(MAKE) --no-print-directory -s all $(BUILD)/growth.so
	@ONLY='$(ONLY)' SVG='$(SVG)' PAGE='$(PAGE)' perl -It/lib t/cost.pl

# It writes them also when it fails, as a figure is above its bound: the page then says so.
performance:  ## make cost, and write the tables and the chart of docs/performance.md
	$(MAKE) --no-print-directory cost SVG=docs/performance.svg PAGE=docs/performance.md

throughput: SECONDS ?= 3
throughput: throughput-packages  ## measure requests for each second with wrk, which is noisy (SECONDS, ROUNDS)
	@$(MAKE) --no-print-directory -s all
	@SECONDS='$(SECONDS)' ROUNDS='$(ROUNDS)' PAGE='$(PAGE)' perl -It/lib t/throughput.pl

# Each version of the tools has its own opinion: these are those of Debian 12.
.PHONY: lint
lint:  ## check format and code with clang-format-14 and clang-tidy-14
	@if apt-cache show clang-tidy-14 >/dev/null 2>&1 || command -v clang-tidy-14 >/dev/null; then \
	  $(MAKE) --no-print-directory lint-packages && \
	  $(MAKE) --no-print-directory -j $(shell nproc) check-format tidy; \
	else \
	  echo 'lint: skipped, it needs clang-format-14 and clang-tidy-14, as in Debian 12'; \
	fi

.PHONY: check-format
check-format:
	clang-format-14 --dry-run --Werror $(FORMAT)

.PHONY: format
format:  ## format the sources
	clang-format-14 -i $(FORMAT)

.PHONY: tidy
tidy:
	clang-tidy-14 --quiet mod_reqnotes.cpp -- $(STANDARD) $(HTTPD)

# A variable, for tests.
show-%:
	@echo '$($*)'

.PHONY: clean
clean:  ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

# Debian's packages, see t/lib/packages.pl: the first kind is installed when it is missing, the
# second is unpacked below $(BUILD), as its scripts would enable or start something.
INSTALL       := g++ perl binutils procps apache2-bin apache2-dev libssl-dev
UNPACK        := libapache2-mod-php
TEST_INSTALL  := libgtest-dev python3 openssl nghttp2-client apache2-utils curl jq
TEST_UNPACK   := php-cli php-fpm libapache2-mod-wsgi-py3 libapache2-mod-perl2 dokuwiki
# What a test in t/tools says that it needs: "# packages: NAME ..." for those to be unpacked.
named          = $(shell sed -n 's/^\# $(1)://p' $(TOOLS))
get            = @perl t/lib/packages.pl $(BUILD) install $(INSTALL) $(1) unpack $(2)

.PHONY: packages test-packages lint-packages tools-packages fuzz-packages sanitize-packages cost-packages throughput-packages
packages:
	$(call get,,$(UNPACK))
test-packages:
	$(call get,$(TEST_INSTALL),$(UNPACK) $(TEST_UNPACK))
lint-packages:
	$(call get,clang-format-14 clang-tidy-14,)
tools-packages:
	$(call get,$(TEST_INSTALL) $(call named,install),$(UNPACK) $(TEST_UNPACK) $(call named,packages))
fuzz-packages:
	$(call get,clang libclang-rt-dev,)
sanitize-packages:
	$(call get,$(TEST_INSTALL) valgrind util-linux,$(UNPACK) $(TEST_UNPACK))
cost-packages:
	$(call get,valgrind,)
throughput-packages:
	$(call get,wrk,)
