library(testthat)
library(cytoloom)

test_check("cytoloom")
