# SPDX-License-Identifier: MIT
# What `cmake --install` puts where, and the package that `cpack` makes of it.
include(GNUInstallDirs)

# Man page and completions, by the program itself.
set(pages ${PROJECT_BINARY_DIR}/pages)
file(MAKE_DIRECTORY ${pages})
add_custom_command(OUTPUT ${pages}/kuni.1 ${pages}/kuni ${pages}/_kuni ${pages}/kuni.fish
  COMMAND kuni manual > ${pages}/kuni.1
  COMMAND kuni completion bash > ${pages}/kuni
  COMMAND kuni completion zsh > ${pages}/_kuni
  COMMAND kuni completion fish > ${pages}/kuni.fish
  DEPENDS kuni COMMENT "Writing man page and completions" VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages}/kuni.1 ${pages}/kuni ${pages}/_kuni ${pages}/kuni.fish)

# For those who build plugins. Paths count from where the file lies, so that --prefix and DESTDIR hold.
# A number that was raised since is read again.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/kuni/plugin.h
  ${PROJECT_SOURCE_DIR}/include/kuni/version.h)
file(STRINGS ${PROJECT_SOURCE_DIR}/include/kuni/plugin.h abi_line REGEX "define KUNI_PLUGIN_ABI [0-9]")
string(REGEX REPLACE ".* ([0-9]+).*" "\\1" kuni_plugin_abi "${abi_line}")
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH up /prefix/${pc_folder} /prefix)
string(REGEX REPLACE "/$" "" up "${up}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/kuni.pc.in ${PROJECT_BINARY_DIR}/kuni.pc @ONLY)

install(TARGETS kuni)
install(DIRECTORY include/kuni DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_BINARY_DIR}/kuni.pc DESTINATION ${pc_folder})
install(DIRECTORY workflows DESTINATION ${CMAKE_INSTALL_DATADIR}/kuni)
install(FILES workflows/workflow.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/kuni)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright) # as Debian names it
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(FILES ${pages}/kuni.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages}/kuni DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages}/_kuni DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${pages}/kuni.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# A .deb for the system it is built on: its libraries are what dpkg-shlibdeps finds.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kuni)
set(CPACK_PACKAGE_VENDOR "The kuni authors")
set(CPACK_PACKAGE_CONTACT "The kuni authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "From the reads of whole genomes to one joint-called national dataset")
set(CPACK_PACKAGE_DESCRIPTION "kuni takes the aligned reads or gVCFs of a cohort through quality control, variant calling, joint
genotyping and merging to one indexed BCF, on one machine or on any cluster that runs Open MPI, and keeps
that dataset right as samples are added, recalled and withdrawn.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS # whatever the umask
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "openmpi-bin, bcftools")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "samtools, tabix")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# No package is without charts by chance.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/PackageHasCharts.cmake)
set(CPACK_KUNI_CHARTS ${KUNI_REPORT_CHARTS})
set(CPACK_KUNI_NO_CHARTS ${PROJECT_BINARY_DIR}/stages/alignment_qc/report/npm/no-charts.txt)
include(CPack)
