/* SPDX-License-Identifier: MIT */
#include "plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kuni/plugin.h"
#include "kuni/version.h"

/* What the engine would stumble over; NULL where nothing. */
static const char *fault_of_step(const kuni_step *step)
{
    if (!step->name) return "a step has no name (\"\" is allowed for the only one)";
    if (step->scatter > KUNI_SCATTER_SAMPLE_SHARD) return "a step's scatter is unknown";
    if (!step->outputs || !step->outputs[0].kind) return "a step gives no output";
    for (const kuni_port *port = step->outputs; port->kind; port++)
        if (!port->extension || strchr(port->extension, '/'))
            return "an output has no proper file name extension";
    if (step->scatter == KUNI_SCATTER_READS) {
        if (!step->open || !step->begin_sample || !step->end_sample || !step->finish ||
            !step->close)
            return "a READS step lacks one of open, begin_sample, end_sample, finish and close";
        if (step->feed == KUNI_FEED_READS && !step->read) return "a READS step lacks read";
        if (step->halo_bp < 0) return "a step's halo_bp is negative";
    } else if (step->scatter != KUNI_SCATTER_RANKS && !step->run) {
        return "a step lacks run";
    }
    return NULL;
}

static const char *fault_of(const kuni_stage *stage)
{
    if (!stage->name || !*stage->name) return "the stage has no name";
    if (!stage->summary) return "the stage has no summary";
    if (stage->version < 1) return "the stage's version must be 1 or more";
    for (const kuni_param *param = stage->params; param && param->name; param++) {
        if (param->type > KUNI_PARAM_LIST) return "a parameter's type is unknown";
        if (param->type == KUNI_PARAM_CHOICE && !param->choices) return "a CHOICE has no choices";
        if (!param->help) return "a parameter has no help";
    }
    if (stage->shape) return NULL;
    if (!stage->steps || !stage->n_steps) return "the stage has no step";
    for (size_t i = 0; i < stage->n_steps; i++) {
        const char *fault = fault_of_step(&stage->steps[i]);
        if (fault) return fault;
    }
    return NULL;
}

/* Names of what kuni_layout_here tells in numbers. */
#define NAME_OF_STRUCT(type)       #type,
#define NAME_OF_FIELD(type, field) #type "." #field,
#define NAME_OF_VALUE(name)        #name,
static const char *const layout_names[] = {
    KUNI_LAYOUT(NAME_OF_STRUCT, NAME_OF_FIELD, NAME_OF_VALUE)};

/* The number is the same: were the structs, too? Somebody may have built with headers of their own. */
static kuni_status check_layout(const char *path, void *library, kuni_error *err)
{
    size_t n, n_theirs = 0;
    const int64_t *ours = kuni_layout_here(&n);
    kuni_plugin_layout_function *function;
    *(void **)&function = dlsym(library, KUNI_PLUGIN_LAYOUT_SYMBOL);
    const int64_t *theirs = function ? function(&n_theirs) : NULL;
    const char *other = !theirs || n_theirs != n ? "how many there are" : NULL;
    for (size_t i = 0; !other && i < n; i++)
        if (ours[i] != theirs[i]) other = layout_names[i / 2];
    if (!other) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "plugin %s: was built for plugin interface %d as this kuni %s was, but the "
                     "headers differ (first: %s): build it again with this version's headers",
                     path, KUNI_PLUGIN_ABI, KUNI_VERSION, other);
}

/* Before anything of the plugin is looked at: its structs may be laid out otherwise. */
static kuni_status check_abi(const char *path, void *library, kuni_error *err)
{
    kuni_plugin_abi_function *function;
    /* POSIX promises that this conversion works; ISO C has no word for it. */
    *(void **)&function = dlsym(library, KUNI_PLUGIN_ABI_SYMBOL);
    if (!function)
        return kuni_fail(err, KUNI_USAGE,
                         "plugin %s: does not tell which plugin interface it was built for; this "
                         "is interface %d of kuni %s: name its stage with KUNI_PLUGIN(stage) of "
                         "kuni/plugin.h and build it again",
                         path, KUNI_PLUGIN_ABI, KUNI_VERSION);
    int abi = function();
    if (abi == KUNI_PLUGIN_ABI) return check_layout(path, library, err);
    return kuni_fail(err, KUNI_USAGE,
                     "plugin %s: was built for plugin interface %d; this is interface %d of kuni "
                     "%s: build it again with this version's headers",
                     path, abi, KUNI_PLUGIN_ABI, KUNI_VERSION);
}

/*
 * A function that this kuni does not have is one of another interface, as a rule: where the library
 * can be opened without it, the numbers say so. Where it cannot, its linker was told to bind now.
 */
static kuni_status fail_to_load(const char *path, kuni_error *err)
{
    char why[1024];
    const char *told = dlerror();
    snprintf(why, sizeof(why), "%s", told ? told : "no reason given");
    if (!strstr(why, "undefined symbol"))
        return kuni_fail(err, KUNI_USAGE, "plugin %s: cannot be loaded: %s", path, why);
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    kuni_status status = library ? check_abi(path, library, err) : KUNI_OK;
    if (status) return status;
    return kuni_fail(err, KUNI_USAGE,
                     "plugin %s: cannot be loaded: %s; this is plugin interface %d of kuni %s, and "
                     "a plugin for another has to be built again with its headers",
                     path, why, KUNI_PLUGIN_ABI, KUNI_VERSION);
}

kuni_status kuni_plugin_load(const char *path, const kuni_stage **stage, kuni_error *err)
{
    if (access(path, R_OK) != 0) return kuni_fail_errno(err, "plugin %s", path);
    dlerror();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return fail_to_load(path, err);
    kuni_status status = check_abi(path, library, err);
    if (status) return status;
    kuni_plugin_function *function;
    *(void **)&function = dlsym(library, KUNI_PLUGIN_SYMBOL);
    if (!function)
        return kuni_fail(err, KUNI_USAGE,
                         "plugin %s: exports no function '%s': name its stage with "
                         "KUNI_PLUGIN(stage) of kuni/plugin.h",
                         path, KUNI_PLUGIN_SYMBOL);
    const kuni_stage *found = function();
    if (!found) return kuni_fail(err, KUNI_USAGE, "plugin %s: gives no stage", path);
    const char *fault = fault_of(found);
    if (fault) return kuni_fail(err, KUNI_USAGE, "plugin %s: %s", path, fault);
    *stage = found;
    return KUNI_OK;
}
