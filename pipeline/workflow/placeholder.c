/* SPDX-License-Identifier: MIT */
typedef int kuni_placeholder_workflow;
