# SPDX-License-Identifier: MIT
# cmake -DNPM=npm-or-empty -DWHY=text [-DREQUIRED=TRUE] -DFROM=folder -DTO=folder -P Bundle.cmake: TO/charts.bundle.js. Where there is no NPM
# (WHY says why), or it fails, the bundle has no charts but what the page tells of it; TO/no-charts.txt has the whole reason. REQUIRED: it ends
# instead.
file(MAKE_DIRECTORY ${TO})
set(bundle ${TO}/charts.bundle.js)
file(REMOVE ${TO}/no-charts.txt)

# Sets WHY where the command fails: how, then ": " and the beginning of what it says.
function(npm seconds)
  execute_process(COMMAND ${NPM} ${ARGN} WORKING_DIRECTORY ${TO}
    RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said TIMEOUT ${seconds})
  if(NOT failed EQUAL 0)
    string(REGEX REPLACE "npm (ERR!|error|warn|WARN)" "" said "${said}")
    string(REGEX REPLACE "[ \t\r\n]+" " " said "${said}")
    string(REGEX REPLACE " at .*" "" said "${said}")
    string(STRIP "${said}" said)
    string(SUBSTRING "${said}" 0 200 said)
    set(WHY "npm ${ARGV1} failed (${failed}): ${said}" PARENT_SCOPE)
  endif()
endfunction()

if(NPM)
  file(COPY ${FROM}/package.json ${FROM}/package-lock.json ${FROM}/src DESTINATION ${TO})
  npm(240 ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000)
  if(NOT WHY)
    npm(120 run --silent build)
  endif()
endif()
if(NOT WHY)
  file(REMOVE_RECURSE ${TO}/node_modules)
  return()
endif()
if(REQUIRED)
  message(FATAL_ERROR "KUNI_REPORT_CHARTS is REQUIRED, but ${WHY}")
endif()
message("The QC report will have tables and no charts: ${WHY}")
file(WRITE ${TO}/no-charts.txt "${WHY}\n")
# no words of npm's, which name places of this machine
string(REGEX REPLACE ":.*" "" WHY "${WHY}")
file(WRITE ${bundle} "window.kuniNoCharts = \"${WHY}\";\n")
