// oneDNN as Debian ships it (libdnnl-dev), as far as a product with a packed bfloat16 weight needs it. Imported by
// Kernels/Linear/PackedWeight.swift alone.
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stddef.h>

/// Of the OpenMP runtime under oneDNN; acts on the calling thread alone.
extern void omp_set_num_threads(int count);

/// y[rows, n] = x[rows, k] * W[k, n], or y += x * W: x and W in bfloat16, y and the sums in float32.
typedef struct {
  dnnl_primitive_t primitive;
  dnnl_memory_desc_t x, weight, y, scratch;
} rt_product;

/// What a thread hands a product its memory by. One thread's own.
typedef struct {
  dnnl_memory_t x, weight, y, scratch;
} rt_product_memory;

static inline dnnl_status_t rt_product_create(rt_product *product, dnnl_engine_t engine, long rows, long k, long n,
                                              bool accumulate) {
  omp_set_num_threads(1);
  dnnl_memory_desc_t *x = &product->x, *weight = &product->weight, *y = &product->y;
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(x, 2, (dnnl_dims_t){rows, k}, dnnl_bf16, dnnl_ab);
  // As `rt_pack_panels` packs it.
  if (!status) status = dnnl_memory_desc_init_by_tag(weight, 2, (dnnl_dims_t){k, n}, dnnl_bf16, dnnl_BA16a64b2a);
  if (!status) status = dnnl_memory_desc_init_by_tag(y, 2, (dnnl_dims_t){rows, n}, dnnl_f32, dnnl_ab);
  if (status) return status;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_post_ops_t after = NULL;
  dnnl_primitive_desc_t description = NULL;
  dnnl_matmul_desc_t operation;
  status = dnnl_matmul_desc_init(&operation, x, weight, NULL, y);
  if (!status) status = dnnl_primitive_attr_create(&attributes);
  if (!status) status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (!status) status = dnnl_post_ops_create(&after);
  if (!status && accumulate) status = dnnl_post_ops_append_sum(after, 1);
  if (!status) status = dnnl_primitive_attr_set_post_ops(attributes, after);
  if (!status) status = dnnl_primitive_desc_create(&description, &operation, attributes, engine, NULL);
  if (!status) status = dnnl_primitive_create(&product->primitive, description);
  if (!status) product->scratch = *dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  if (description) dnnl_primitive_desc_destroy(description);
  if (after) dnnl_post_ops_destroy(after);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  return status;
}

static inline dnnl_status_t rt_product_memory_create(rt_product_memory *memory, const rt_product *product,
                                                     dnnl_engine_t engine) {
  dnnl_status_t status = dnnl_memory_create(&memory->x, &product->x, engine, DNNL_MEMORY_NONE);
  if (!status) status = dnnl_memory_create(&memory->weight, &product->weight, engine, DNNL_MEMORY_NONE);
  if (!status) status = dnnl_memory_create(&memory->y, &product->y, engine, DNNL_MEMORY_NONE);
  if (!status) status = dnnl_memory_create(&memory->scratch, &product->scratch, engine, DNNL_MEMORY_ALLOCATE);
  return status;
}

static inline void rt_product_memory_destroy(rt_product_memory *memory) {
  dnnl_memory_destroy(memory->x);
  dnnl_memory_destroy(memory->weight);
  dnnl_memory_destroy(memory->y);
  dnnl_memory_destroy(memory->scratch);
}

static inline dnnl_status_t rt_product_run(const rt_product *product, rt_product_memory *memory, dnnl_stream_t stream,
                                           const void *x, const void *weight, float *y) {
  omp_set_num_threads(1);
  dnnl_status_t status = dnnl_memory_set_data_handle(memory->x, (void *)x);
  if (!status) status = dnnl_memory_set_data_handle(memory->weight, (void *)weight);
  if (!status) status = dnnl_memory_set_data_handle(memory->y, y);
  if (status) return status;
  dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memory->x},
                                 {DNNL_ARG_WEIGHTS, memory->weight},
                                 {DNNL_ARG_DST, memory->y},
                                 {DNNL_ARG_SCRATCHPAD, memory->scratch}};
  return dnnl_primitive_execute(product->primitive, stream, 4, arguments);
}
