# SPDX-License-Identifier: MIT
# Run by cpack before it makes a package: one whose reports have no charts is made only where that was asked for.
if(NOT CPACK_KUNI_CHARTS STREQUAL "OFF" AND EXISTS "${CPACK_KUNI_NO_CHARTS}")
  file(READ "${CPACK_KUNI_NO_CHARTS}" why)
  string(STRIP "${why}" why)
  message(FATAL_ERROR "the reports of this build have no charts (${why}): install npm, configure and build again; or configure "
    "with -DKUNI_REPORT_CHARTS=OFF for a package without")
endif()
