# SPDX-License-Identifier: MIT
# cmake -DNPM=npm-or-empty -DFROM=folder -DTO=folder -P Bundle.cmake: TO/charts.bundle.js, empty where npm fails.
file(MAKE_DIRECTORY ${TO})
set(bundle ${TO}/charts.bundle.js)
if(NPM)
  file(COPY ${FROM}/package.json ${FROM}/package-lock.json ${FROM}/src DESTINATION ${TO})
  execute_process(
    COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000
    WORKING_DIRECTORY ${TO} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE why TIMEOUT 240)
  if(failed EQUAL 0)
    execute_process(COMMAND ${NPM} run --silent build
      WORKING_DIRECTORY ${TO} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE why TIMEOUT 120)
  endif()
  if(failed EQUAL 0)
    file(REMOVE_RECURSE ${TO}/node_modules)
    return()
  endif()
  string(SUBSTRING "${why}" 0 300 why)
  message("The QC report is built without charts: npm failed: ${why}")
else()
  message("The QC report is built without charts: npm is absent or KUNI_REPORT_CHARTS is OFF")
endif()
file(WRITE ${bundle} "// no charts: npm was not available at build time\n")
