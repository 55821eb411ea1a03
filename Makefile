# mod_reqnotes. `make help` lists the targets.

APXS       ?= apxs
CXX        ?= g++
BUILD      ?= build
DESTDIR    ?=
JOBS       ?= $(shell nproc)

PACKAGES   := g++ perl apache2-bin apache2-dev libapache2-mod-php php-cli \
              libgtest-dev clang-format clang-tidy

INCLUDEDIR  = $(shell $(APXS) -q INCLUDEDIR)
LIBEXECDIR  = $(shell $(APXS) -q LIBEXECDIR)
APRINCLUDE  = $(shell $(APXS) -q APR_INCLUDEDIR)

WARNINGS   := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
STANDARD   := -std=c++20 -Iinclude
# Its own flags and not apxs's: those are for C, and an exception must not get into httpd.
CXXFLAGS   ?= -O2 -g
MODFLAGS    = $(STANDARD) $(WARNINGS) -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden \
              -isystem $(INCLUDEDIR) -isystem $(APRINCLUDE) $(shell $(APXS) -q EXTRA_CPPFLAGS)
# `environment`: without it CXXFLAGS of a distribution's build would take the place of ours.
LINKFLAGS   = -shared -Wl,--version-script=$(BUILD)/exports.map -Wl,--as-needed -Wl,-z,now,-z,relro
SANITIZE   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

HEADERS    := $(wildcard include/reqnotes/*.hpp)
GLUE       := $(wildcard include/reqnotes/httpd/*.hpp)
UNIT       := $(wildcard tests/*_test.cpp)
SOURCES    := mod_reqnotes.cpp $(HEADERS) $(GLUE) $(UNIT)

.PHONY: all test demo install clean help packages unit tidy format check-format integration
.DEFAULT_GOAL := all

all: $(BUILD)/mod_reqnotes.so  ## builds the module

help:  ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 14

$(BUILD)/exports.map: | $(BUILD)
	@echo '{ global: reqnotes_module; local: *; };' > $@

$(BUILD)/mod_reqnotes.so: mod_reqnotes.cpp $(HEADERS) $(GLUE) $(BUILD)/exports.map
	$(CXX) $(MODFLAGS) $(CXXFLAGS) $(LINKFLAGS) -o $@ mod_reqnotes.cpp

$(BUILD) $(BUILD)/unit:
	@mkdir -p $@

unit: $(BUILD)/unit/unit_tests  ## runs the unit tests under ASan and UBSan
	$<

$(BUILD)/unit/%.o: tests/%.cpp $(HEADERS) $(GLUE) | $(BUILD)/unit
	$(CXX) $(STANDARD) $(WARNINGS) $(SANITIZE) -isystem $(APRINCLUDE) -c -o $@ $<

$(BUILD)/unit/unit_tests: $(UNIT:tests/%.cpp=$(BUILD)/unit/%.o)
	$(CXX) $(SANITIZE) -o $@ $^ -lgtest -lgtest_main -lapr-1
