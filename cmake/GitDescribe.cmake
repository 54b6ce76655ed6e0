# SPDX-License-Identifier: MIT
# cmake -DSOURCE=folder -DVERSION=0.1.0 -DOUTPUT=file.c [-DCOMMIT=text] -P GitDescribe.cmake: defines what core/built.h declares, the
# commit that the tree in SOURCE is at, as `git describe` says it. Empty where the tree is no checkout of its own (a release archive), and where it is
# the release VERSION itself, so that both build the same program. The file is touched only when that changes.
set(described "")
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} -c safe.directory=${SOURCE} describe --always --dirty --tags
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed OR NOT described MATCHES "^[A-Za-z0-9._/+-]+$" OR described STREQUAL "v${VERSION}")
    set(described "")
  endif()
endif()
if(NOT described AND COMMIT MATCHES "^[A-Za-z0-9._/+-]+$")
  set(described "${COMMIT}") # of a tree that has been copied somewhere
endif()
set(version "${VERSION}")
if(described)
  set(version "${VERSION} (${described})")
endif()
string(CONCAT text "/* Made at build time by cmake/GitDescribe.cmake. */\n#include \"built.h\"\n\n"
  "const char kuni_built_from[] = \"${described}\";\nconst char kuni_built_version[] = \"${version}\";\n")
set(before "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUTPUT} "${text}")
endif()
