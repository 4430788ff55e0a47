#!/usr/bin/env node
// The command as installed: the built command line.
import "../dist/src/cli/main.js";
