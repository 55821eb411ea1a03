# packages: chromium
