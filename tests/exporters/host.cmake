# cprom-host-exporter: on trees written by hand, also beside prometheus-node-exporter, and on a machine that changes.
set(run sh "${CMAKE_CURRENT_SOURCE_DIR}/../e2e/python.sh")
set(program "$<TARGET_FILE:cprom-host-exporter>")

add_test(NAME exporter_host_fixtures COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_fixtures.py" ${program})
add_test(NAME exporter_host_changes COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_changes.py" ${program})
add_test(NAME exporter_host_textfiles COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_textfiles.py" ${program})
add_test(NAME exporter_host_goes COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_goes.py" ${program})
add_test(NAME exporter_host_mutations COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_mutations.py" ${program})
add_test(NAME exporter_host_refused COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_refused.py" ${program})
set_tests_properties(exporter_host_fixtures exporter_host_changes exporter_host_textfiles exporter_host_goes
    exporter_host_refused
    PROPERTIES LABELS "quick;program" SKIP_RETURN_CODE 77 TIMEOUT 300)
set_tests_properties(exporter_host_mutations PROPERTIES LABELS "quick;program;heavy" SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME e2e_exporter_host_fixtures
    COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/host_fixtures.py" ${program} --beside)
set_tests_properties(e2e_exporter_host_fixtures PROPERTIES LABELS "e2e;once" SKIP_RETURN_CODE 77 TIMEOUT 600)

add_test(NAME e2e_exporter_host_node_fixtures COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/node_fixtures.py" ${program})
set_tests_properties(e2e_exporter_host_node_fixtures PROPERTIES LABELS "e2e;once" SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME e2e_exporter_web COMMAND ${run} "${CMAKE_CURRENT_SOURCE_DIR}/e2e_web.py" ${program})
set_tests_properties(e2e_exporter_web PROPERTIES LABELS "e2e;program" SKIP_RETURN_CODE 77 TIMEOUT 600)
